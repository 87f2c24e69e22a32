import { describe, expect, it } from 'vitest';
import { confirmerOf } from '#agent/engines/mysql-family/confirmers.js';

describe('the account by which a member confirms', () => {
  it('tells its name, or the digest of one that no account can have', () => {
    expect(confirmerOf('ada')).toBe('tanist_confirm_ada');
    const [one, other] = ['db-1', 'db-2'].map((host) => confirmerOf(`${host}.orders.example.com`));
    expect(one).toMatch(/^tanist_confirm_[0-9a-f]{17}$/);
    expect(one).not.toBe(other);
  });
});
