"""Left and right in the names of joints, as labelling tools and people spell them.

left_wrist, wrist_left, l_wrist, wrist.r, LeftWrist, LWrist, "Left Wrist", left-wrist, leftwrist.
Sides in other languages are for an explicit list of pairs, `mirror` in own_data.toml.
"""

import re
from collections import defaultdict
from typing import NamedTuple

from posekit.skeleton import SIDES

# A word begins after a mark or a blank, or where capitals begin ("LeftWrist", "LWrist", "wristL").
# Digits stay with their letter: L5 is a vertebra, not left.
_WORD = re.compile(r"[A-Z]+(?![^\W\d_A-Z])\d*|[A-Z]?[^\W_A-Z]+|[A-Z]")
_INITIALS = dict(zip("lr", SIDES, strict=True))
_NO_SIDE = {"upright", "bright", "cleft", "aleft"}


class Sided(NamedTuple):
    """A name that holds a side."""

    side: str  # "left" or "right"
    rest: tuple  # the other words, lower case; the same for both joints of a pair
    bare: str  # the name without its side, as it is written
    is_word: bool  # True for the whole word, False for an initial, which may mean another thing


def sided(name):
    """The side that a name holds: Sided, or None."""
    words = [(match.group().lower(), *match.span()) for match in _WORD.finditer(name)]
    for index, (word, start, end) in enumerate(words):
        if word in SIDES:
            return _split(name, words, index, word, start, end, is_word=True)
    for index in (0, len(words) - 1) if len(words) > 1 else ():
        word, start, end = words[index]
        if word in _INITIALS:
            return _split(name, words, index, _INITIALS[word], start, end, is_word=False)
    for index, (word, start, end) in enumerate(words):
        for side in () if word in _NO_SIDE else SIDES:
            # "leftwrist", "wristleft"
            if word.startswith(side) or word.endswith(side):
                kept = word.removeprefix(side) if word.startswith(side) else word.removesuffix(side)
                at = start if word.startswith(side) else end - len(side)
                words[index] = (kept, start, end)
                return _split(name, words, None, side, at, at + len(side), is_word=True)
    return None


def canonical(name):
    """A name as `left_wrist`, whatever its spelling; one without a side in lower case, with _."""
    found = sided(name)
    words = [word.lower() for word in _WORD.findall(name)] if found is None else found.rest
    return "_".join(words if found is None else (found.side, *words))


def pairs(names):
    """The pairs that names make, and who is left.

    Returns a list of (left name, right name), in the order of the left ones; and a list of the
    names that hold a side and are in no pair: their partner is missing, or there are several.
    """
    members = defaultdict(list)
    for name in names:
        found = sided(name)
        if found is not None:
            members[found.rest].append((found.side, name))
    paired, alone = {}, []
    for found in members.values():
        if sorted(side for side, _ in found) == list(SIDES):
            by_side = dict(found)
            paired[by_side["left"]] = by_side["right"]
        else:
            alone += [name for _, name in found]
    # Names such as "lsho", "FLpaw" and "wrist_lt" tell their side only where the partner is there.
    free = {name for name in names if sided(name) is None}
    for name in free:
        partners = free.intersection(_with_one_r(name))
        if len(partners) == 1:
            paired[name] = partners.pop()
    return [(name, paired[name]) for name in names if name in paired], alone


def _split(name, words, index, side, start, end, *, is_word):
    # Of "left_hand_right_edge" the partner is "right_hand_left_edge".
    relation = {one: "same" if one == side else "opposite" for one in SIDES}
    rest = tuple(
        relation.get(word, word) for other, (word, _, _) in enumerate(words) if other != index
    )
    bare = re.sub(r"^[\W_]+|[\W_]+$", "", name[:start] + name[end:])
    bare = re.sub(r"([\W_])[\W_]+", r"\1", bare)
    return Sided(side, rest, bare, is_word)


def _with_one_r(name):
    """The name with one of its l's as an r, each in turn."""
    for index, letter in enumerate(name):
        if letter in "lL":
            yield name[:index] + {"l": "r", "L": "R"}[letter] + name[index + 1 :]


def in_words(skeleton):
    """The pairs of a joint set as one sentence, which says so where there are none."""
    if not skeleton.pairs:
        return (
            "no joint has a side: mirrored pictures keep the joints as they are. If some are left "
            "and right, list the pairs as `mirror` in own_data.toml (docs/own_data.md)."
        )
    named = [
        f"{skeleton.joints[left]} / {skeleton.joints[right]}" for left, right in skeleton.pairs
    ]
    return f"mirroring swaps {', '.join(named)}."
