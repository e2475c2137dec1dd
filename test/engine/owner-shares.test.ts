import { expect, it } from 'vitest';
import { OwnerShares } from '../../dist/engine/owner-shares.js';

it('counts the slots of each owner, and forgets one that has none', () => {
  const shares = new OwnerShares();
  expect([shares.size, shares.only, shares.slotsOf('a')]).toEqual([0, undefined, 0]);
  shares.addSlot(null);
  expect([shares.size, shares.only, shares.slotsOf(null)]).toEqual([1, null, 1]);
  shares.addSlot('a');
  shares.addSlot('a');
  expect([shares.size, shares.slotsOf('a'), shares.slotsOf(null)]).toEqual([2, 2, 1]);
  shares.removeSlot(null);
  shares.removeSlot('a');
  expect([shares.size, shares.only, shares.slotsOf('a')]).toEqual([1, 'a', 1]);
  shares.charge('a', 50);
  shares.removeSlot('a');
  shares.removeSlot('a');
  shares.charge('a', 50);
  expect(shares.size).toBe(0);
  expect(shares.addSlot('a').usedMs).toBe(0);
});

it('remembers nobody once no owner has a slot', () => {
  const shares = new OwnerShares();
  for (const owner of ['a', 'b']) shares.addSlot(owner);
  shares.charge('a', 500);
  for (const owner of ['a', 'b']) shares.removeSlot(owner);
  expect(['a', 'b'].map((owner) => shares.addSlot(owner).usedMs)).toEqual([0, 0]);
});

it('starts an owner level with who has used least', () => {
  const shares = new OwnerShares();
  for (const owner of ['a', 'b']) shares.addSlot(owner);
  shares.charge('a', 300);
  shares.charge('b', 200);
  expect(shares.addSlot('c').usedMs).toBe(200);
  expect(shares.addSlot('b').usedMs).toBe(200);
});

it('lets an owner be behind the others by a quarter of a second, and by no more', () => {
  const shares = new OwnerShares();
  const [a, b] = [shares.addSlot('a'), shares.addSlot('b')];
  shares.charge('a', 200);
  shares.serve(a);
  shares.serve(b);
  expect(b.usedMs).toBe(0);
  shares.charge('a', 800);
  shares.serve(a);
  shares.serve(b);
  expect([a.usedMs, b.usedMs]).toEqual([1_000, 750]);
});

it('remembers an owner that comes back soon, so that it has no more of the threads than one that stays', () => {
  const shares = new OwnerShares();
  for (const owner of ['a', 'b', 'c']) shares.addSlot(owner);
  shares.charge('a', 1_000);
  shares.charge('b', 100);
  shares.charge('c', 200);
  for (const owner of ['a', 'b']) shares.removeSlot(owner);
  expect([shares.addSlot('a').usedMs, shares.addSlot('b').usedMs]).toEqual([1_000, 100]);
  shares.removeSlot('a');
  shares.removeSlot('b');
  // The others have gone past both.
  shares.charge('c', 2_000);
  shares.addSlot('d');
  shares.removeSlot('d');
  expect([shares.addSlot('a').usedMs, shares.addSlot('b').usedMs]).toEqual([2_200, 2_200]);
});

it('remembers a thousand of them, the last ones', () => {
  const shares = new OwnerShares();
  shares.addSlot('stays');
  for (let at = 0; at < 1_500; at++) {
    shares.addSlot(`owner ${at}`);
    shares.charge(`owner ${at}`, 50);
    shares.removeSlot(`owner ${at}`);
  }
  expect([0, 499, 500, 1_499].map((at) => shares.addSlot(`owner ${at}`).usedMs)).toEqual([0, 0, 50, 50]);
});
