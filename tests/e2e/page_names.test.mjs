// Names that the page writes into statements.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quoted } from '../../web/src/names.js';

test('reserved words and unusual names are quoted, others are not', () => {
  assert.equal(quoted('order'), '"order"');
  assert.equal(quoted('user'), '"user"');
  assert.equal(quoted('users'), 'users');
  assert.equal(quoted('order_id'), 'order_id');
  assert.equal(quoted('Name'), '"Name"');
  assert.equal(quoted('a"b'), '"a""b"');
});
