"""Seeded credit-bureau records whose true fraud probability is known.

A record comes from a mixture of behaviours, legitimate and fraudulent. Every part of a
behaviour has a closed form, so Bayes' rule gives the probability of fraud behind the
recorded values, and with it the ceiling that no model on these features can beat: an
AUC of 0.945 at 2 % fraud, where no feature alone reaches 0.8 nor utilisation 0.86.

One record of a behaviour:

* accounts: 0 with `NO_ACCOUNT_SHARE`, else 1 + negative binomial, up to `MAX_ACCOUNTS`;
* arrears: binomial over the accounts;
* limit: none (0), or lognormal around first_limit * accounts ** growth, whole units;
* balance: settled (0), or utilisation * limit to the cent (no limit: `NOMINAL_LIMIT`),
  where asinh(utilisation / `UTILISATION_UNIT`) is normal. asinh grows like log for a
  large utilisation, yet takes every real number: below 0 the customer has overpaid.

Rounding turns a density into the probability of one unit or one cent. The posterior
uses the density at the recorded value; the width of the step and the slope of asinh
are the same for every behaviour and cancel. It fails only where a density bends within
one step, at limits of a few units, which are practically never drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

MAX_ACCOUNTS = 60
NO_ACCOUNT_SHARE = 0.004
NO_LIMIT_WITHOUT_ACCOUNT = 0.95
NOMINAL_LIMIT = 1_000.0
UTILISATION_UNIT = 0.1
FIRST_CUSTOMER_ID = 100_000_001
ROWS_PER_BLOCK = 8_192


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one kind of customer looks to the bureau; amounts in currency units."""

    name: str
    meaning: str
    share: float  # of its class, legitimate or fraud
    accounts_mean: float  # of those with any account, above 1
    accounts_shape: float  # negative binomial; smaller is more spread
    first_limit: float  # median limit with one account
    growth: float  # exponent of the number of accounts
    limit_spread: float  # standard deviation of the log-limit
    no_limit: float  # share with limit 0 although accounts are open
    utilisation: float  # median of balance / limit, where not settled
    utilisation_spread: float  # standard deviation of asinh(utilisation / unit)
    settled: float  # share with balance exactly 0
    arrears: float  # probability that an account is in arrears


# fmt: off
LEGITIMATE = (
    #   share  accounts_    first_ growth limit_  no_    utilisation_ settled arrears
    #          mean  shape  limit         spread  limit         spread
    Behaviour("transactor", "pays the whole statement every month",
        0.40,   8.5,  5.0,  3_200,  0.75,  0.60,  0.004,  0.10,  0.65,  0.10,  0.003),
    Behaviour("revolver", "carries a balance and pays the interest",
        0.36,   9.5,  5.0,  2_800,  0.75,  0.55,  0.004,  0.42,  0.50,  0.01,  0.006),
    Behaviour("collector", "long history, many cards, most of them idle",
        0.09,  17.0,  8.0,  3_600,  0.80,  0.50,  0.002,  0.08,  0.70,  0.08,  0.001),
    Behaviour("thin file", "young or newly arrived, first small limits",
        0.10,   2.6,  2.0,  1_300,  0.80,  0.60,  0.010,  0.35,  0.60,  0.08,  0.006),
    Behaviour("distressed", "legitimate, but income fell and payments are late",
        0.05,   8.0,  4.0,  2_000,  0.70,  0.60,  0.030,  0.85,  0.40,  0.01,  0.200),
)
FRAUD = (
    Behaviour("bust-out", "good history built up, then drained past the limit",
        0.24,  12.0,  8.0,  3_800,  0.85,  0.50,  0.004,  1.30,  0.75,  0.01,  0.020),
    Behaviour("stacking", "many applications at once, before lenders see them",
        0.24,  25.0, 12.0,  1_100,  0.70,  0.50,  0.010,  0.60,  0.50,  0.01,  0.030),
    Behaviour("synthetic identity", "an invented person, a file grown on purpose",
        0.20,   2.6,  4.0,  8_000,  0.50,  0.50,  0.010,  0.55,  0.50,  0.03,  0.005),
    Behaviour("takeover", "a stolen login, the real owner's limits used up",
        0.16,   9.0,  5.0,  3_200,  0.75,  0.60,  0.004,  0.75,  0.40,  0.01,  0.004),
    Behaviour("first-payment default", "never meant to pay: new accounts, all late",
        0.16,   4.5,  4.0,  1_200,  0.75,  0.60,  0.030,  0.70,  0.50,  0.01,  0.600),
)
# fmt: on
BEHAVIOURS = LEGITIMATE + FRAUD


def simulate_credit_records(rows: int, *, seed: int, fraud_rate: float = 0.02) -> pl.DataFrame:
    """Draw `rows` independent records, each with its exact probability of fraud.

    The columns are those of the `credit` contract, `is_fraud` (int8, 0 or 1) and
    `true_fraud_probability` (float64). One seed gives the same bytes whatever the
    number of threads. Another processor or NumPy may change the last bits of the true
    probability: exp and log are vectorised differently there.

    Raises ValueError for rows below 1 or a fraud rate outside (0, 1).

    >>> simulate_credit_records(3, seed=1).columns[:2]
    ['customer_id', 'number_of_open_accounts']
    """
    if rows < 1:
        raise ValueError(f"rows must be at least 1, not {rows}")
    mixture = Mixture.with_fraud_rate(fraud_rate)
    rng = np.random.default_rng(seed)
    behaviour, has_limit, has_balance, accounts, arrears = mixture.draw_cells(rows, rng)
    limit = mixture.draw_limit(behaviour, accounts, rng) * has_limit
    balance = mixture.draw_balance(behaviour, limit, rng) * has_balance + 0.0
    return pl.DataFrame(
        {
            "customer_id": FIRST_CUSTOMER_ID + rng.permutation(rows),
            "number_of_open_accounts": accounts,
            "total_credit_limit": limit,
            "total_balance": balance,
            "number_of_accounts_in_arrears": arrears,
            "is_fraud": (behaviour >= len(LEGITIMATE)).astype(np.int8),
            "true_fraud_probability": mixture.fraud_probability(accounts, limit, balance, arrears),
        }
    )


def true_fraud_probability(
    accounts: ArrayLike,
    limit: ArrayLike,
    balance: ArrayLike,
    arrears: ArrayLike,
    *,
    fraud_rate: float = 0.02,
) -> Floats:
    """P(fraud | record) under the simulator, float64 of shape (n,), by Bayes' rule.

    Takes four columns of n records, or single values to repeat: counts, and amounts in
    currency units. Counts that the simulator never draws (above `MAX_ACCOUNTS`, arrears
    above accounts) count as the nearest that it draws, and a limit below 0 as no limit. Far
    from all behaviours the answer may be exactly 0 or 1.

    Raises ValueError for a fraud rate outside (0, 1), or lengths that do not match.

    >>> true_fraud_probability(23, 12_345, [1_800, 200_000], 2).round(3).tolist()
    [0.531, 1.0]
    """
    columns = np.broadcast_arrays(
        np.atleast_1d(np.asarray(accounts, dtype=np.int64)),
        np.asarray(limit, dtype=np.float64),
        np.asarray(balance, dtype=np.float64),
        np.asarray(arrears, dtype=np.int64),
    )
    return Mixture.with_fraud_rate(fraud_rate).fraud_probability(*columns)


@dataclass(frozen=True, slots=True)
class Mixture:
    """The behaviours as arrays; k is their number, parameters have shape (k, 1).

    A cell is everything discrete in a record. The axes of `log_cell` are behaviour,
    limit (0 none, 1 some), balance (0 settled, 1 open), accounts, arrears. Its entries
    are log-probabilities, so that exp(log_cell) sums to 1.
    """

    log_cell: Floats
    log_first_limit: Floats
    growth: Floats
    limit_spread: Floats
    utilisation: Floats  # on the asinh scale, as is its spread
    utilisation_spread: Floats

    @classmethod
    def with_fraud_rate(cls, fraud_rate: float) -> Self:
        """Tabulate the mixture; ValueError for a fraud rate outside (0, 1)."""
        if not 0.0 < fraud_rate < 1.0:
            raise ValueError(f"fraud_rate must lie within (0, 1), not {fraud_rate}")
        return cls(
            log_cell=np.stack(
                [_log_cells(b) + math.log(1.0 - fraud_rate) for b in LEGITIMATE]
                + [_log_cells(b) + math.log(fraud_rate) for b in FRAUD]
            ),
            log_first_limit=np.log(_parameter("first_limit")),
            growth=_parameter("growth"),
            limit_spread=_parameter("limit_spread"),
            utilisation=np.arcsinh(_parameter("utilisation") / UTILISATION_UNIT),
            utilisation_spread=_parameter("utilisation_spread"),
        )

    def draw_cells(self, rows: int, rng: np.random.Generator) -> tuple[Ints, ...]:
        """Draw behaviour, has limit, has balance, accounts, arrears; each (rows,).

        Counts per cell, shuffled, have the distribution of independent draws and take less time.
        """
        # Reversed: the last cell takes the remainder, so it must not be a rare one.
        probability = np.exp(self.log_cell).ravel()[::-1]
        counts = rng.multinomial(rows, probability / probability.sum())[::-1]
        cells = rng.permutation(np.repeat(np.arange(counts.size), counts))
        return np.unravel_index(cells, self.log_cell.shape)

    def draw_limit(self, behaviour: Ints, accounts: Ints, rng: np.random.Generator) -> Floats:
        """Draw limits of at least 1, in whole currency units, shape (rows,)."""
        log_limit = rng.standard_normal(behaviour.size)
        log_limit *= self.limit_spread[behaviour, 0]
        log_limit += self.growth[behaviour, 0] * _log_count(accounts)
        log_limit += self.log_first_limit[behaviour, 0]
        return np.maximum(np.rint(np.exp(log_limit)), 1.0)

    def draw_balance(self, behaviour: Ints, limit: Floats, rng: np.random.Generator) -> Floats:
        """Draw open balances in currency units, to the cent, shape (rows,)."""
        level = rng.standard_normal(behaviour.size)
        level *= self.utilisation_spread[behaviour, 0]
        level += self.utilisation[behaviour, 0]
        return np.round(np.sinh(level) * _balance_unit(limit), 2)

    def fraud_probability(self, accounts: Ints, limit: Floats, balance: Floats, arrears: Ints) -> Floats:
        """P(fraud | record), shape (n,); block by block, to stay in the cache."""
        log_cell = self._log_cell_density()
        probability = np.empty(accounts.size)
        for start in range(0, accounts.size, ROWS_PER_BLOCK):
            block = slice(start, start + ROWS_PER_BLOCK)
            flat_cell = self._flat_cell(accounts[block], limit[block], balance[block], arrears[block])
            weight = log_cell.take(flat_cell, axis=1)
            weight -= self._half_squares(accounts[block], limit[block], balance[block])
            weight -= weight.max(axis=0)
            np.exp(weight, out=weight)
            probability[block] = weight[len(LEGITIMATE) :].sum(axis=0) / weight.sum(axis=0)
        return probability

    def _log_cell_density(self) -> Floats:
        """log_cell with the normalisers of the normal densities, shape (k, cells)."""
        log_density = self.log_cell.copy()
        log_density[:, 1] -= np.log(self.limit_spread)[..., None, None]
        log_density[:, :, 1] -= np.log(self.utilisation_spread)[..., None, None]
        return log_density.reshape(len(BEHAVIOURS), -1)

    def _flat_cell(self, accounts: Ints, limit: Floats, balance: Floats, arrears: Ints) -> Ints:
        """Index of each record's cell within one behaviour, shape (n,)."""
        accounts = np.clip(accounts, 0, MAX_ACCOUNTS)
        cell = (2 * (limit > 0.0) + (balance != 0.0)) * (MAX_ACCOUNTS + 1) + accounts
        flat: Ints = cell * (MAX_ACCOUNTS + 1) + np.clip(arrears, 0, accounts)
        return flat

    def _half_squares(self, accounts: Ints, limit: Floats, balance: Floats) -> Floats:
        """Sum of z ** 2 / 2 over log-limit and utilisation, shape (k, n)."""
        limit_z = np.log(np.maximum(limit, 1.0)) - self.growth * _log_count(accounts)
        limit_z -= self.log_first_limit
        limit_z *= (limit > 0.0) / self.limit_spread
        balance_z = np.arcsinh(balance / _balance_unit(limit)) - self.utilisation
        balance_z *= (balance != 0.0) / self.utilisation_spread
        half_squares: Floats = 0.5 * (limit_z**2 + balance_z**2)
        return half_squares


def _parameter(field: str) -> Floats:
    return np.array([[float(getattr(b, field))] for b in BEHAVIOURS])


def _log_count(accounts: Ints) -> Floats:
    """Log of the accounts that bear a limit, 1 to MAX_ACCOUNTS."""
    table = np.log(np.arange(MAX_ACCOUNTS + 1).clip(1))
    log_count: Floats = table[accounts.clip(0, MAX_ACCOUNTS)]
    return log_count


def _balance_unit(limit: Floats) -> Floats:
    """Balance in currency units at which the asinh scale reads asinh(1)."""
    unit: Floats = UTILISATION_UNIT * np.where(limit > 0.0, limit, NOMINAL_LIMIT)
    return unit


def _log_cells(behaviour: Behaviour) -> Floats:
    """Log P(limit, balance, accounts, arrears) of one behaviour, with its share."""
    accounts = np.arange(MAX_ACCOUNTS + 1)
    no_limit = np.where(accounts > 0, behaviour.no_limit, NO_LIMIT_WITHOUT_ACCOUNT)
    log_limit = np.log(np.stack([no_limit, 1.0 - no_limit]))
    log_balance = np.log([behaviour.settled, 1.0 - behaviour.settled])
    log_cells: Floats = (
        math.log(behaviour.share)
        + log_limit[:, None, :, None]
        + log_balance[:, None, None]
        + _log_accounts(behaviour)[:, None]
        + _log_arrears(behaviour)
    )
    return log_cells


def _log_accounts(behaviour: Behaviour) -> Floats:
    """Log P(accounts), shape (MAX_ACCOUNTS + 1,): 0, or 1 + negative binomial."""
    shape, mean = behaviour.accounts_shape, behaviour.accounts_mean - 1.0
    log_mass = np.array(
        [
            math.lgamma(further + shape) - math.lgamma(further + 1) + further * math.log(mean / (mean + shape))
            for further in range(MAX_ACCOUNTS)
        ]
    )
    log_mass += math.log(1.0 - NO_ACCOUNT_SHARE) - np.logaddexp.reduce(log_mass)
    return np.concatenate([[math.log(NO_ACCOUNT_SHARE)], log_mass])


def _log_arrears(behaviour: Behaviour) -> Floats:
    """Log P(arrears | accounts), binomial; axes accounts, arrears; -inf above."""
    log_late, log_on_time = math.log(behaviour.arrears), math.log1p(-behaviour.arrears)
    log_mass = np.full((MAX_ACCOUNTS + 1, MAX_ACCOUNTS + 1), -np.inf)
    for accounts in range(MAX_ACCOUNTS + 1):
        for late in range(accounts + 1):
            log_ways = math.log(math.comb(accounts, late))
            on_time = accounts - late
            log_mass[accounts, late] = log_ways + late * log_late + on_time * log_on_time
    return log_mass
