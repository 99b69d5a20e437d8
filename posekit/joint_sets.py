"""Joint sets other than the 14 of Leeds Sports Pose, as plain data: TOML, or JSON beside a model.

    joints   names, in the order of all arrays
    torso    the two joints whose distance PCK divides by
    mirror   [left, right] pairs of joints, the person's own sides; where it is left out, the
             pairs that their names make, as `sides` reads them
    limbs    name -> [joint, joint]: drawn, and scored by PCP; may be left out
    lines    [joint, joint] pairs that are drawn only; may be left out
    name     may be left out

A mirrored picture shows the other side's joint, so a set must hold both of a pair or neither.
"""

import re
from itertools import chain

from posekit import sides
from posekit.errors import raise_problems
from posekit.skeleton import LSP, Skeleton

# Field -> what it must be, and as a type. The first two must be there.
FIELDS = {
    "joints": ("a list of names", list),
    "torso": ("a list of names", list),
    "mirror": ("a list of pairs", list),
    "lines": ("a list of pairs", list),
    "limbs": ("a table of pairs", dict),
    "name": ("text", str),
}

# COCO-WholeBody has 133 joints with hands and face.
JOINT_LIMIT = 200


def parse(caller, described):
    """The Skeleton of a dict as the module describes it; `caller` is its file, for messages.

    The two joints of a pair are averaged in one group, and so are limbs that are each other's
    mirror image; the joints of limbs are also scored by themselves. PosekitError lists the fields
    that are missing, unknown or of another kind, and unknown names.
    """
    raise_problems(caller, list(_problems_of_fields(described)))
    joints, torso = tuple(described["joints"]), described["torso"]
    mirror = described.get("mirror", sides.pairs(joints)[0])
    limbs, lines = described.get("limbs", {}), described.get("lines", [])
    pairs = {"torso": [torso], "mirror": mirror, "limbs": limbs.values(), "lines": lines}
    raise_problems(caller, list(_problems_of_pairs(pairs, joints)))
    raise_problems(caller, list(_problems_of_mirror(mirror, joints, "mirror" in described)))

    index = {name: joint for joint, name in enumerate(joints)}
    limb_joints = set(chain(*limbs.values())) or set(joints)
    return Skeleton(
        name=described.get("name", "own"),
        joints=joints,
        pairs=tuple((index[left], index[right]) for left, right in mirror),
        limbs=tuple((name, index[start], index[end]) for name, (start, end) in limbs.items()),
        lines=tuple((index[start], index[end]) for start, end in lines),
        torso_joints=tuple(index[name] for name in torso),
        torso_stick=None,
        joint_groups=_groups(joints, dict(mirror)),
        stick_groups=_groups(list(limbs), _mirrored_limbs(limbs, mirror)),
        limb_joints=tuple(name for name in joints if name in limb_joints),
    )


def describe(skeleton):
    """The description from which `parse` makes this joint set, JSON-ready, without LSP's groups."""
    names = skeleton.joints

    def named(pairs):
        return [[names[joint] for joint in pair] for pair in pairs]

    return {
        "name": skeleton.name,
        "joints": list(names),
        "torso": named([skeleton.torso_joints])[0],
        "mirror": named(skeleton.pairs),
        "limbs": {name: named([ends])[0] for name, *ends in skeleton.limbs},
        "lines": named(skeleton.lines),
    }


def from_metadata(caller, stored):
    """The Skeleton that a file beside a model describes.

    `stored` is None in files of the 14 joints, a list of their names, or a dict for `parse`.
    """
    if stored is None or stored == list(LSP.joints):
        return LSP
    return parse(caller, stored)


def _problems_of_fields(described):
    if not isinstance(described, dict):
        yield f"a joint set must be a table with `joints` and `torso`; got {described!r:.200}."
        return
    for field, found in {"joints": None, "torso": None, **described}.items():
        wanted, kind = FIELDS.get(field, ("", object))
        if field not in FIELDS:
            yield f"the fields must be among {', '.join(FIELDS)}; got {field!r:.200}."
        elif not isinstance(found, kind):
            yield f"`{field}` must be {wanted}; got {found!r:.200}."
    joints = described.get("joints", [])
    named = (found for found in (joints, described.get("limbs")) if isinstance(found, (list, dict)))
    for name in chain([described.get("name", "own")], *named):
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][\w .+-]{0,59}", name):
            yield (
                "names must be 1 to 60 letters, digits, blanks or any of _ . + -, and begin with a "
                f"letter or digit; got {name!r:.200}."
            )
    different = len(set(map(repr, joints))) if isinstance(joints, list) else 0
    if isinstance(joints, list) and not 2 <= different == len(joints) <= JOINT_LIMIT:
        yield (
            f"`joints` must be 2 to {JOINT_LIMIT} different names; got {len(joints)}, {different} "
            "of them different."
        )


def _problems_of_pairs(pairs_by_field, joints):
    for field, pairs in pairs_by_field.items():
        for pair in pairs:
            is_pair = isinstance(pair, (list, tuple)) and len(pair) == 2
            if not is_pair or not all(isinstance(name, str) for name in pair) or len({*pair}) < 2:
                yield f"`{field}` must name two different joints at a time; got {pair!r:.200}."
            for name in pair if is_pair else ():
                if isinstance(name, str) and name not in joints:
                    listed = ", ".join(joints)
                    yield f"`{field}` must name joints among {listed}; got {name!r:.200}."


def _problems_of_mirror(mirror, joints, is_listed):
    paired = list(chain(*mirror))
    for name in sorted({name for name in paired if paired.count(name) > 1}):
        yield f"`mirror` must name a joint once; got {name!r} {paired.count(name)} times."
    for name in joints:
        found = sides.sided(name)
        # An initial may mean another thing than a side, where the pairs are listed without it.
        if name not in paired and found is not None and (found.is_word or not is_listed):
            yield (
                f"`mirror` must pair {name!r} with the joint of the other side; got no pair. Add "
                "that joint, or leave both out, or list all pairs as `mirror` if the names say "
                "otherwise."
            )


def _mirrored_limbs(limbs, mirror):
    """Name of a limb -> name of the limb between the joints of the other side, one way only."""
    other = dict(mirror) | {right: left for left, right in mirror}
    name_of = {frozenset(ends): name for name, ends in limbs.items()}
    partner = {}
    for name, ends in limbs.items():
        mirrored = name_of.get(frozenset(other.get(end, end) for end in ends), name)
        if mirrored != name and mirrored not in partner:
            partner[name] = mirrored
    return partner


def _groups(names, partner):
    """(name, members) each: pairs under their name without the side, the others by themselves."""
    groups = {}
    for name in names:
        if name in partner:
            found = sides.sided(name)
            bare = name if found is None or not found.bare else found.bare
            groups[name if bare in names else bare] = (name, partner[name])
        elif name not in partner.values():
            groups[name] = (name,)
    return tuple(groups.items())
