"""HASH-01 to HASH-17 through compiled projects: the right users, the right shares, the right independence."""

import hashlib
import json
import os
import subprocess
import sys
from fractions import Fraction
from typing import Any

import mmh3
import pytest

from config_sync import ir
from config_sync.frontends.native.buckets import SALT_SEED, Hashing, last_bucket, rollout, split
from evaluator import Evaluator
from evaluator.snapshot import opcodes as codes
from tests.config_sync.native import chi_square, chosen, compiled, evaluator, let_in, users
from tests.conftest import ROOT, spec_data

SPACE = 1 << 32
CHI_SQUARE_P_001 = 10.83  # one degree of freedom, p = 0.001
VECTORS = spec_data("hash_vectors.json")


def md5_le32(user: str, salt: str) -> int:
    return int.from_bytes(hashlib.md5(f"{user}:{salt}".encode()).digest()[:4], "little")


def murmur(user: str, salt: str) -> int:
    return mmh3.hash(user.encode(), mmh3.hash(salt.encode(), 0x9747B28C, False), False)


def halves(version: int, **fields: Any) -> dict[str, Any]:
    variants = [{"key": "a", "allocation": 0.5}, {"key": "b", "allocation": 0.5}]
    return {"status": "active", "variants": variants, "hash_version": version, **fields}


def on_for(percent: float, **fields: Any) -> dict[str, Any]:
    return {"enabled": True, "rollout_percentage": percent, **fields}


def assigned(experiment: dict[str, Any], who: list[str], key: str = "exp") -> dict[str, str | None]:
    return chosen(evaluator(experiments={key: experiment}), key, who)


@pytest.mark.skipif(VECTORS is None, reason="the requirements' data files aren't here")
def test_hash_01_and_02_published_vectors() -> None:
    """The compiled bucketing of each vector, as the core reports it."""
    assert VECTORS is not None
    for vector in json.loads(VECTORS.read_text()):
        user, salt = vector["user_id"], vector["salt"]
        assert md5_le32(user, salt) == vector["md5_le32"]
        plain = ir.Bucketing(seed=SALT_SEED, suffix=f":{salt}")
        for bucketing, expected in (
            (Hashing(1, ir.TARGETING_KEY, salt).full(), vector["md5_le32"]),
            (plain, vector["murmur3_x86_32_seed_9747b28c"]),
            (Hashing(2, ir.TARGETING_KEY, salt).full(), murmur(user, salt)),
        ):
            assert _bucket(bucketing, user) == expected


def _bucket(bucketing: ir.Bucketing, user: str) -> int | None:
    from tests.config_sync.build import snapshot

    everyone = ir.Split(bucketing, (ir.Range(SPACE - 1, "on"),))
    flag = ir.Flag("f", (ir.Variant("on", True),), (ir.Rule(everyone, codes.REASON_SPLIT),))
    return Evaluator(snapshot(flag)).evaluate("f", {"targetingKey": user}).bucket


def test_hash_02_the_plain_algorithm() -> None:
    assert mmh3.hash(b"test", 0x9747B28C, False) == 0x704B81DC
    assert mmh3.hash(b"abc", 0x9747B28C, False) == 0xC84A62DD
    assert mmh3.hash(b"", 0, False) == 0


def test_hash_03_legacy_rollout_is_the_hash_modulo_100() -> None:
    on = let_in(evaluator({"checkout": on_for(37, hash_version=1)}), "checkout", users(2_000))
    assert on == {user for user in users(2_000) if md5_le32(user, "checkout") % 100 < 37}


def test_hash_04_exactly_4969_of_10000() -> None:
    assert len(let_in(evaluator({"rollout_50": on_for(50, hash_version=1)}), "rollout_50", users(10_000))) == 4_969


@pytest.mark.parametrize(("salt", "used"), [(None, "exp"), ("", "exp"), ("season-2", "season-2")])
def test_hash_05_traffic_and_variants_have_salts_of_their_own(salt: str | None, used: str) -> None:
    for version, number in ((1, md5_le32), (2, murmur)):
        got = assigned(halves(version, salt=salt, traffic_allocation=0.7), users(500))
        for user in users(500):
            inside = number(user, f"{used}_traffic") / SPACE < 0.7
            variant = "a" if number(user, f"{used}_variant") / SPACE < 0.5 else "b"
            assert got[user] == (variant if inside else None), (version, user)


def test_hash_06_first_variant_whose_cumulative_allocation_exceeds_the_hash() -> None:
    shares = [("x", 0.1), ("y", 0.2), ("z", 0.7)]
    variants = [{"key": key, "allocation": share} for key, share in shares]
    got = assigned(halves(1, variants=variants), users(2_000))
    for user in users(2_000):
        position, total, expected = md5_le32(user, "exp_variant") / SPACE, 0.0, "z"
        for key, share in shares:
            total += share
            if position < total:
                expected = key
                break
        assert got[user] == expected


def test_hash_06_the_last_variant_is_the_fallback() -> None:
    outcome = split(Hashing(1, ir.TARGETING_KEY, "s"), [("a", Fraction("0.3")), ("b", Fraction("0.69"))])
    assert isinstance(outcome, ir.Split)
    assert outcome.ranges[-1] == ir.Range(SPACE - 1, "b")


def test_hash_07_a_full_allocation_excludes_no_hash() -> None:
    assert last_bucket(Fraction(1), SPACE) == 0xFFFFFFFF
    assert last_bucket(Fraction(999, 1000), SPACE) < 0xFFFFFFFF
    everyone = split(Hashing(2, ir.TARGETING_KEY, "s"), [("a", Fraction(1, 2)), ("b", Fraction(1, 2))])
    assert isinstance(everyone, ir.Split)
    assert [item.last for item in everyone.ranges] == [0x7FFFFFFF, 0xFFFFFFFF]


def test_hash_08_the_same_answer_in_another_process() -> None:
    script = (
        "from tests.config_sync.native import chosen, evaluator, users\n"
        "from tests.config_sync.test_native_hash import halves\n"
        "import json; print(json.dumps(chosen(evaluator(experiments={'exp': halves(2)}), 'exp', users(300))))"
    )
    here = assigned(halves(2), users(300))
    for seed in ("1", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, env=environment, cwd=ROOT)
        assert json.loads(done.stdout) == here


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"variants": []}, "TOO-FEW-VARIANTS"),
        ({"traffic_allocation": 1.5}, "OUT-OF-RANGE"),
        ({"traffic_allocation": -0.1}, "OUT-OF-RANGE"),
        ({"variants": [{"key": "a", "allocation": 0.5}, {"key": "b", "allocation": 0.48}]}, "ALLOCATION-SUM"),
        ({"variants": [{"key": "a", "allocation": 0.5}, {"key": "b", "allocation": 0.52}]}, "ALLOCATION-SUM"),
    ],
)
def test_hash_09_what_cannot_be_hashed_is_an_error(fields: dict[str, Any], code: str) -> None:
    result = compiled(experiments={"exp": halves(2, **fields)})
    assert [item.code for item in result.diagnostics] == [code]
    assert code != "ALLOCATION-SUM" or "must sum to 1.0" in next(iter(result.diagnostics)).message


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("allocations", [(0.5, 0.5), (0.8, 0.2), (0.33, 0.33, 0.34)])
def test_hash_10_shares_are_kept(version: int, allocations: tuple[float, ...]) -> None:
    variants = [{"key": f"v{index}", "allocation": share} for index, share in enumerate(allocations)]
    got = list(assigned(halves(version, variants=variants), users(10_000)).values())
    tolerance = 0.02 if len(allocations) == 2 else 0.03
    for index, share in enumerate(allocations):
        assert abs(got.count(f"v{index}") / 10_000 - share) < tolerance


@pytest.mark.parametrize("version", [1, 2])
def test_hash_10_traffic(version: int) -> None:
    got = {
        share: sum(
            variant is not None for variant in assigned(halves(version, traffic_allocation=share), users(10_000)).values()
        )
        for share in (0, 0.5, 1)
    }
    assert got[0] == 0
    assert abs(got[0.5] - 5_000) < 200
    assert got[1] == 10_000


@pytest.mark.parametrize("version", [1, 2])
def test_hash_11_buckets_are_even_and_depend_on_the_salt(version: int) -> None:
    number = md5_le32 if version == 1 else murmur
    counts = [0] * 10
    for user in users(1_000):
        counts[number(user, "flag") * 10 // SPACE] += 1
    assert all(70 <= count <= 130 for count in counts)
    assert len({number(user, "flag") for user in users(100)}) >= 95
    first = assigned(halves(version, salt="one"), users(200))
    assert first != assigned(halves(version, salt="two"), users(200))


@pytest.mark.parametrize("version", [1, 2])
def test_hash_12_flags_are_independent(version: int) -> None:
    flags = {"flag_one": on_for(50, hash_version=version), "flag_two": on_for(50, hash_version=version)}
    of = evaluator(flags)
    who = users(10_000)
    one, two = ({user: user in let_in(of, key, [user]) for user in who} for key in flags)
    assert sum(one[user] != two[user] for user in who[:100]) > 10
    assert chi_square(one, two) < CHI_SQUARE_P_001


@pytest.mark.parametrize("version", [1, 2])
def test_hash_13_traffic_and_variant_are_independent(version: int) -> None:
    """Whether a user is in half the traffic says nothing about the variant that all the traffic would give."""
    who = users(10_000)
    inside = {user: variant is not None for user, variant in assigned(halves(version, traffic_allocation=0.5), who).items()}
    variants = assigned(halves(version), who)
    assert chi_square(inside, variants) < CHI_SQUARE_P_001
    # A flag's rollout and its variants, likewise.
    weighted = halves(version)["variants"]
    of = evaluator({"f": on_for(50, variants=weighted, hash_version=version), "g": on_for(50, hash_version=version, salt="f")})
    rolled = {user: user in let_in(of, "g", [user]) for user in who}
    everyone = evaluator({"f": on_for(100, variants=weighted, hash_version=version)})
    assert chi_square(rolled, chosen(everyone, "f", who)) < CHI_SQUARE_P_001


@pytest.mark.parametrize("version", [1, 2])
def test_hash_14_more_never_takes_anybody_out(version: int) -> None:
    who = users(2_000)
    before: set[str] = set()
    for percent in (0, 0.5, 3, 12.5, 50, 99, 100):
        now = let_in(evaluator({"f": on_for(percent, hash_version=version)}), "f", who)
        assert before <= now
        before = now
    narrow = assigned(halves(version, traffic_allocation=0.2), who)
    wide = assigned(halves(version, traffic_allocation=0.9), who)
    assert all(wide[user] == variant for user, variant in narrow.items() if variant is not None)


def test_hash_15_fractions_of_a_percent() -> None:
    who = users(100_000)
    modern = len(let_in(evaluator({"half_percent": on_for(0.5)}), "half_percent", who))
    assert abs(modern / 100_000 - 0.005) < 0.001
    legacy = len(let_in(evaluator({"half_percent": on_for(0.5, hash_version=1)}), "half_percent", who))
    assert abs(legacy / 100_000 - 0.01) < 0.001


def test_hash_15_resolution_is_that_of_the_hash() -> None:
    chance = rollout(Hashing(2, ir.TARGETING_KEY, "s"), Fraction("0.0001"))
    assert isinstance(chance, ir.InBucket)
    assert chance.ranges == ((0, 4294),)  # 2**32 / 1,000,000 = 4294.97: the buckets below it


@pytest.mark.parametrize("user", ["用户-1", "josé", "🎫🎫", "é" * 128, " user "])
@pytest.mark.parametrize("version", [1, 2])
def test_hash_16_users_hash_by_their_utf8_bytes(user: str, version: int) -> None:
    number = md5_le32 if version == 1 else murmur
    assert assigned(halves(version), [user])[user] == ("a" if number(user, "exp_variant") < SPACE // 2 else "b")


def test_hash_16_half_a_surrogate_pair_is_an_error_and_no_exception() -> None:
    of = evaluator(experiments={"exp": halves(2)})
    assert of.evaluate("exp", {"targetingKey": "\ud800"}).error_code == "INVALID_CONTEXT"


def test_hash_17_salt_and_unit_are_never_joined() -> None:
    assert md5_le32("a:b", "c") == md5_le32("a", "b:c")
    pairs = [(f"u{index}:x", "c", f"u{index}", "x:c") for index in range(200)]
    by_salt = {salt: evaluator(experiments={"exp": halves(2, salt=salt)}) for salt in ("c", "x:c")}
    differ = 0
    for first, salt, second, other in pairs:
        left = by_salt[salt].evaluate("exp", {"targetingKey": first}).bucket
        right = by_salt[other].evaluate("exp", {"targetingKey": second}).bucket
        differ += left != right
    assert differ == 200


def test_hash_17_every_bit_of_a_salt_matters() -> None:
    """Avalanche: one bit of the seed flips half of the hash's bits on average."""
    flips = []
    for user in users(50):
        base = mmh3.hash(user.encode(), 12345, False)
        flips += [(base ^ mmh3.hash(user.encode(), 12345 ^ (1 << bit), False)).bit_count() for bit in range(32)]
    assert 14 < sum(flips) / len(flips) < 18
