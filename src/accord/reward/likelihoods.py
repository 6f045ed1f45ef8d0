"""How likely an answer is, given the rewards: pure functions of tensors, each a negative log-likelihood in nats.

They know no model, no file and no run. Rewards stand in log-odds (in standard deviations of the difference for
Thurstone). m is a margin, the reward of the chosen less that of the rejected; F(x) = 1 / (1 + exp(-x)).

    two completions     bradley_terry  davidson  rao_kupper  graded_comparison  with_margin  thurstone
                        normal_utilities  categorical_utilities
    several             plackett_luce  choice
    one                 normal_rating  ordinal_rating  logistic
    what people do      lapsed  noise_corrected
    a prior             gaussian

All that compare are unchanged where a constant is added to the rewards of one prompt's completions; those of single
completions are not. Left out: Thurstone's cases with unequal variances, and rankings whose tiers mean an unknown order.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid
from torch.special import log_ndtr

__all__ = [
    "bradley_terry",
    "categorical_utilities",
    "choice",
    "counted_choice",
    "davidson",
    "gaussian",
    "graded_comparison",
    "lapsed",
    "logistic",
    "maximum_entropy",
    "noise_contrast",
    "noise_corrected",
    "normal_rating",
    "normal_utilities",
    "ordinal_rating",
    "plackett_luce",
    "rao_kupper",
    "thurstone",
    "with_margin",
]


NEVER = -1e30  # the logarithm of nothing, whose differences are numbers


def bradley_terry(margin_P: Tensor, tie_P: Tensor) -> Tensor:
    """Negative log-likelihood of P comparisons under Bradley and Terry (1952), [P].

    margin_P   reward of the chosen minus reward of the rejected
    tie_P      true where neither was preferred: half a win each, as is usual for this model without a tie parameter

    -log F(m) for a preference; -(log F(m) + log F(-m)) / 2 for a tie, least at m = 0.
    """
    won_P = -logsigmoid(margin_P)
    lost_P = -logsigmoid(-margin_P)
    return torch.where(tie_P, (won_P + lost_P) / 2, won_P)


def davidson(margin_P: Tensor, tie_P: Tensor, log_nu: Tensor) -> Tensor:
    """Comparisons with ties under Davidson (1970), [P]: nu = exp(log_nu) >= 0 says how often a tie is called.

    With Z = e^(m/2) + e^(-m/2) + nu: a preference has probability e^(m/2) / Z, a tie nu / Z; 1 / (1 + 2 / nu) at m = 0.
    At nu = 0 preferences are those of Bradley and Terry. Odds of the two preferences are e^m whatever nu is.
    """
    half_P = margin_P / 2
    log_nu_P = log_nu.expand_as(half_P)
    total_P = torch.logsumexp(torch.stack([half_P, -half_P, log_nu_P]), 0)
    return total_P - torch.where(tie_P, log_nu_P, half_P)


def rao_kupper(margin_P: Tensor, tie_P: Tensor, threshold: Tensor) -> Tensor:
    """Comparisons with ties under Rao and Kupper (1967), [P]: differences below a threshold (> 0) are not noticed.

    A preference has probability F(m - threshold), a tie F(m + threshold) - F(m - threshold). Their theta is
    exp(threshold).
    """
    return graded_comparison(margin_P, torch.where(tie_P, -1, 0), threshold.reshape(1))


def graded_comparison(margin_P: Tensor, grade_P: Tensor, cut_L: Tensor) -> Tensor:
    """Comparisons by how much better the chosen is, as an ordinal answer, [P] (Agresti 1992; McCullagh 1980).

    cut_L     0 < cut_0 < cut_1 ...: what the noisy margin must exceed to be called better, much better, ...
    grade_P   the place of the cut that was exceeded, L - 1 the last; -1 is a tie

    With noise of the logistic distribution, grade l has probability F(cut_(l+1) - m) - F(cut_l - m), the last one's
    upper end being infinite, and a tie F(cut_0 - m) - F(-cut_0 - m). The grades of the other side are these at -m. With
    one cut it is Rao and Kupper's.
    """
    ends_K = torch.cat([-cut_L[:1], cut_L, cut_L.new_full((1,), math.inf)])
    place_P = grade_P.long() + 1
    return ordinal_rating(margin_P, ends_K[place_P], ends_K[place_P + 1])


def with_margin(margin_P: Tensor, tie_P: Tensor, least_P: Tensor) -> Tensor:
    """Bradley and Terry's loss of margins less what they ought to be at least, [P]: -log F(m - least).

    After Touvron et al. (2023, arXiv 2307.09288, eq. 2), where `least` grows with the stated strength. No distribution
    has this loss: probabilities of both answers sum to less than 1 where least > 0. A tie is half a win each.
    """
    return bradley_terry(margin_P - torch.where(tie_P, 0.0, least_P), tie_P)


def thurstone(margin_P: Tensor, tie_P: Tensor, threshold: Tensor | None = None) -> Tensor:
    """Comparisons under Thurstone (1927), case V, [P]: rewards are felt with normal noise, that of m of deviation 1.

    A preference has probability N(m - threshold), N the normal distribution function, and a tie
    N(m + threshold) - N(m - threshold) (Glenn & David 1960). Without a threshold a tie is half a win each.
    """
    if threshold is None:
        won_P, lost_P = -log_ndtr(margin_P), -log_ndtr(-margin_P)
        return torch.where(tie_P, (won_P + lost_P) / 2, won_P)
    distance_P = margin_P.abs()  # a tie is the same from both sides, and exact where both ends are below 0
    low_P, high_P = log_ndtr(-distance_P - threshold), log_ndtr(-distance_P + threshold)
    tied_P = high_P + torch.log(-torch.expm1(low_P - high_P))
    return -torch.where(tie_P, tied_P, log_ndtr(margin_P - threshold))


def normal_utilities(margin_P: Tensor, variance_P: Tensor, tie_P: Tensor) -> Tensor:
    """Comparisons of texts whose utilities are normal, drawn apart for every answer, [P].

    margin_P     mean utility of the chosen less that of the rejected
    variance_P   the sum of their variances

    Pr = Phi(margin / sqrt(variance)) (Siththaranjan et al. 2024, arXiv 2312.08358, section 5); a tie is half a win
    each. Unchanged where all utilities are multiplied: only means in deviations are known.
    """
    return thurstone(margin_P / variance_P.sqrt(), tie_P)


def categorical_utilities(chosen_PK: Tensor, rejected_PK: Tensor, tie_P: Tensor) -> Tensor:
    """Comparisons of texts whose utility is one of K levels, given the logits of both texts' levels, [P].

    Pr = sum_ij p_i q_j (1 where i > j, 1/2 where i = j) (ibid.); a tie is half a win each.
    """
    won_P = -_log_higher(chosen_PK, rejected_PK)
    lost_P = -_log_higher(rejected_PK, chosen_PK)
    return torch.where(tie_P, (won_P + lost_P) / 2, won_P)


def _log_higher(first_PK: Tensor, second_PK: Tensor) -> Tensor:
    """The log of the probability that the level of the first is higher, or half that it is the same, [P]."""
    log_first_PK, log_second_PK = first_PK.log_softmax(-1), second_PK.log_softmax(-1)
    below_PK = torch.cat([torch.full_like(log_second_PK[..., :1], NEVER), log_second_PK[..., :-1]], dim=-1)
    under_PK = torch.logaddexp(below_PK.logcumsumexp(-1), log_second_PK - math.log(2))
    return (log_first_PK + under_PK).logsumexp(-1)


def plackett_luce(score_OMI: Tensor, size_OI: Tensor, first_OI: Tensor, log_tie_D: Tensor) -> Tensor:
    """O rankings of up to I completions with tiers under Davidson and Luce, [O, M] (Firth, Kosmidis & Turner 2019).

    score_OMI   rewards by M heads, the best tier first; what stands behind a ranking's last is not read
    size_OI     how many are in the tier of each place; 0 behind the last
    first_OI    true at the first place of each tier
    log_tie_D   log of delta_d, how often d of equal reward are called equal beside one being chosen; delta_1 = 1

    A ranking is a sequence of choices: of those that are left, a set S of at most D is best with probability
    proportional to delta_|S| times the geometric mean of e^reward over S. Without ties (D = 1) it is Plackett (1975)
    and Luce (1959); of two completions it is Davidson's, delta_2 = nu. The sum over all sets of d that are left is an
    elementary symmetric polynomial of e^(reward / d): exact, in I * D^2 steps.
    """
    sizes = size_OI[:, None].clamp(min=1)
    kept_OMI = torch.where(size_OI[:, None] > 0, score_OMI, 0.0)
    earned_OM = (
        kept_OMI / sizes + torch.where(size_OI > 0, log_tie_D[size_OI.clamp(min=1) - 1], 0.0)[:, None] / sizes
    ).sum(2)
    total_OMI = torch.stack(_log_choices(kept_OMI, size_OI > 0, log_tie_D), 2)
    return torch.where(first_OI[:, None], total_OMI, 0.0).sum(2) - earned_OM


def _log_choices(score_OMI: Tensor, there_OI: Tensor, log_tie_D: Tensor) -> list[Tensor]:
    """For each place the log of what all sets of those from it on weigh together, I of [O, M]."""
    limits = range(1, len(log_tie_D) + 1)
    never_OM = score_OMI.new_full(score_OMI.shape[:2], NEVER)
    # Of each d: the log of the symmetric polynomials of order 0 to d, of what stands from a place on.
    sums = {d: torch.stack([torch.zeros_like(never_OM), *[never_OM] * d]) for d in limits}
    totals: list[Tensor] = []
    for place in reversed(range(score_OMI.shape[2])):
        there_O1 = there_OI[:, place, None]
        for d in limits:
            with_it = _added(sums[d][1:], sums[d][:-1] + score_OMI[:, :, place] / d)
            sums[d] = torch.cat([sums[d][:1], torch.where(there_O1, with_it, sums[d][1:])])
        totals.append(torch.logsumexp(torch.stack([log_tie_D[d - 1] + sums[d][d] for d in limits]), 0))
    return totals[::-1]


def _added(one: Tensor, other: Tensor) -> Tensor:
    """The log of a sum; of two logs of nothing, whose derivatives of second order are none, the other alone."""
    some = one > NEVER / 2
    return torch.where(some, torch.logaddexp(one.where(some, 0.0), other.where(some, 0.0)), other)


def choice(score_OMI: Tensor, there_OI: Tensor) -> Tensor:
    """The first of up to I completions was chosen (Luce 1959), [O, M]: log sum e^reward - reward_0.

    Of two it is Bradley and Terry's. `there_OI` is false where there is no completion.
    """
    among_OMI = torch.where(there_OI[:, None], score_OMI, -math.inf)
    return torch.logsumexp(among_OMI, 2) - score_OMI[:, :, 0]


def maximum_entropy(reward_O: Tensor, log_partition_O: Tensor) -> Tensor:
    """Demonstrations drawn from start(y|x) e^reward / Z(x), [O]: log Z - reward, up to -log start(y|x).

    Maximum-entropy inverse RL with the start as its measure (Ziebart et al. 2008, eq. 4; Korbak et al. 2022). Unchanged
    where a constant is added to all rewards of a prompt. Z is the start's mean of e^reward.
    """
    return log_partition_O - reward_O


def counted_choice(score_OMI: Tensor, count_OI: Tensor) -> Tensor:
    """The first of I texts is the demonstration, the others are the start's samples, [O, M]; each `count_OI` times.

    log sum_i count_i e^reward_i - reward_0: `maximum_entropy` with the mean over the demonstration and K samples as its
    partition function, up to log(K + 1). Bounded below, and consistent for any K, as the density ratio of
    demonstrations to samples is e^reward / Z (Ma & Collins 2018, arXiv 1809.01812, ranking objective). A count of 0 is
    no text.
    """
    log_count_OI = torch.log(count_OI.to(score_OMI))
    return torch.logsumexp(score_OMI + log_count_OI[:, None], 2) - score_OMI[:, :, 0]


def noise_contrast(score_OMI: Tensor, count_OI: Tensor, log_partition_O: Tensor) -> Tensor:
    """Whether each of a demonstration and K samples of the start is the demonstration, [O, M], log Z being learnt.

    With g = reward - log Z - log K: -log sigmoid(g_0) - sum over samples of log sigmoid(-g) (Gutmann & Hyvarinen 2010;
    Mnih & Teh 2012). The first of I texts is the demonstration and stands `count_OI[:, 0] - 1` times among the samples.
    """
    sample_OI = torch.cat([count_OI[:, :1] - 1, count_OI[:, 1:]], 1).to(score_OMI)
    logit_OMI = score_OMI - (log_partition_O + torch.log(sample_OI.sum(1)))[:, None, None]
    return -logsigmoid(logit_OMI[:, :, 0]) - (sample_OI[:, None] * logsigmoid(-logit_OMI)).sum(2)


def normal_rating(
    score_O: Tensor, rating_O: Tensor, *, shift_O: Tensor, log_slope_O: Tensor, log_std: Tensor
) -> Tensor:
    """Ratings by a normal distribution about shift + slope * reward, [O]; shift and slope are the evaluator's.

    (y - shift - slope r)^2 / (2 std^2) + log std + log(2 pi) / 2. Adding c to all rewards is taking slope * c from
    every shift: where the shifts have a prior about 0, the place of the rewards is known.
    """
    error_O = (rating_O - shift_O - log_slope_O.exp() * score_O) / log_std.exp()
    return error_O.square() / 2 + log_std + math.log(2 * math.pi) / 2


def ordinal_rating(score_O: Tensor, below_O: Tensor, above_O: Tensor) -> Tensor:
    """Ordered answers by the cumulative logit model of McCullagh (1980), [O]: -log(F(above - r) - F(below - r)).

    `below` and `above` are the thresholds on both sides of the level that was said, infinite at the ends. With
    a = below - r < b = above - r, F(b) - F(a) = F(b) F(-a) (1 - e^(a-b)), which is exact in both tails.
    """
    low_O, high_O = below_O - score_O, above_O - score_O
    return -(logsigmoid(high_O) + logsigmoid(-low_O) + torch.log(-torch.expm1(below_O - above_O)))


def logistic(logit_O: Tensor, share_O: Tensor) -> Tensor:
    """Whether something holds, by a logistic model, [O]: -(p log F(x) + (1 - p) log F(-x)).

    `share_O` is 1 where it does, 0 where not; in between, what of the evidence says that it does.
    """
    return -(share_O * logsigmoid(logit_O) + (1 - share_O) * logsigmoid(-logit_O))


def lapsed(nll_O: Tensor, lapse: Tensor, outcomes: float | Tensor = 2) -> Tensor:
    """An answer at random in a share of cases, [O]: -log((1 - lapse) p + lapse / outcomes), with p = exp(-nll).

    At most -log(lapse / outcomes), so that no single answer costs more. `lapse` may be learnt (Wichmann & Hill 2001).
    """
    return -torch.logaddexp(torch.log1p(-lapse) - nll_O, torch.log(lapse / outcomes))


def noise_corrected(nll_P: Tensor, flipped_P: Tensor, flip_rate: float) -> Tensor:
    """A loss whose mean over flipped answers is that of the answers as they were meant, [P].

    ((1 - e) loss - e loss of the opposite) / (1 - 2 e), e the share that is flipped (Natarajan et al. 2013, lemma 1; of
    preferences Chowdhury, Kini & Natarajan 2024, arXiv 2403.00409). It is not a likelihood and has no lower bound.
    """
    return ((1 - flip_rate) * nll_P - flip_rate * flipped_P) / (1 - 2 * flip_rate)


def gaussian(parameters: Sequence[Tensor], means: Sequence[Tensor], std: float) -> Tensor:
    """-log of a normal prior of independent numbers, up to a constant: sum (x - mean)^2 / (2 std^2)."""
    distances = [(each.float() - mean.float()).square().sum() for each, mean in zip(parameters, means, strict=True)]
    return torch.stack(distances).sum() / (2 * std**2)
