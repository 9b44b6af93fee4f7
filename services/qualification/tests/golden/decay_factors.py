"""The decay factors of scores, computed by another method than the product's: 80-digit decimals instead of integers.

    python3 services/qualification/tests/golden/decay_factors.py > services/qualification/tests/golden/decay_factors.txt

A line per half-life h from 1 to 365 days: h, then the sum of root[k] over k < h, then the sum of (k + 1) * root[k]; for a
few half-lives all roots follow. root[k] = floor(2^32 * 2^(-k/h)).
"""

from decimal import ROUND_FLOOR, Decimal, getcontext

getcontext().prec = 80
IN_FULL = {1, 2, 3, 5, 7, 14, 30}


def root(h, k):
    exact = Decimal(2) ** (Decimal(32) - Decimal(k) / Decimal(h))
    nearest = exact.to_integral_value()
    # A value this near to a whole number could be rounded either way: 2^32 itself is one, no other may be.
    assert k == 0 or abs(exact - nearest) > Decimal(10) ** -50, (h, k)
    return int(nearest) if k == 0 else int(exact.to_integral_value(rounding=ROUND_FLOOR))


for h in range(1, 366):
    roots = [root(h, k) for k in range(h)]
    line = [h, sum(roots), sum((k + 1) * r for k, r in enumerate(roots))]
    print(*(line + (roots if h in IN_FULL else [])))
