import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AnswerEnd } from "./answer-end.ts";

const find = (text: string): number => new AnswerEnd().find(Buffer.from(text));
const response = '{"jsonrpc":"2.0","id":1,"result":{}}';

test("a response ends the answer; a notification, a request, a part of one or other text does not", () => {
  const whole = [
    `data: ${response}\n\n`,
    `data:${response}\n\n`,
    `data: ${response}\r\n\r\n`,
    `data: ${response}\r\r`,
    `id: 7\nevent: message\ndata: ${response}\n\n`,
    'data: {"id":"a",\ndata: "error":{}}\n\n',
    `: note\n\ndata: ${response}\n\n`,
  ];
  const open = [
    `data: ${response}\n`,
    `data: ${response}`,
    'data: {"method":"x","params":{"result":1,"id":1}}\n\n',
    'data: {"id":1,"method":"sampling"}\n\n',
    "data: not json\n\n",
    `data: [${response}]\n\n`,
    `event: ${response}\n\n`,
    "data: null\n\n",
    'data: {"result":{}}\n\n',
    "\n\n\n\n",
  ];
  for (const text of whole) assert.equal(find(text), text.length, text);
  for (const text of open) assert.equal(find(text), -1, text);
});

test("where the answer ends does not depend on how it was cut into pieces", () => {
  const before = 'event: message\ndata: {"method":"é"}\r\n\r\n: ping\n\n';
  const answer = Buffer.from(`${before}data: ${response.replace("{}", '"ü\u2028"')}\r\n\n`);
  const text = Buffer.concat([answer, Buffer.from("data: later\n\n")]);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (sizes) => {
      const end = new AnswerEnd();
      let at = 0;
      for (let index = 0; at < text.length; index++) {
        const piece = text.subarray(at, at + (sizes[index % sizes.length] ?? 1));
        const length = end.find(piece);
        if (length !== -1) return assert.equal(at + length, answer.length);
        at += piece.length;
      }
      assert.fail("the end was missed");
    }),
  );
});
