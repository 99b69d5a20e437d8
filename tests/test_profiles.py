from dataclasses import asdict

import pytest

from posekit import profiles
from posekit.errors import PosekitError

SIZES = ("synthetic_images", "epochs", "seeds", "batch_size", "resamples")


def test_profiles_go_by_their_own_names():
    assert list(profiles.PROFILES) == ["smoke", "quick", "full"]
    assert all(profiles.by_name(name).name == name for name in profiles.PROFILES)


def test_a_larger_profile_is_nowhere_smaller():
    smoke, quick, full = (asdict(profile) for profile in profiles.PROFILES.values())
    for size in (*SIZES, "saliency_images", "ladder_epochs"):
        assert 0 < smoke[size] <= quick[size] <= full[size], size
    assert smoke["max_images"] < quick["max_images"]
    assert full["max_images"] is None


@pytest.mark.parametrize("profile", profiles.PROFILES.values(), ids=lambda profile: profile.name)
def test_a_tenth_of_the_images_is_enough_for_what_follows(profile):
    # Validation is a tenth of the data; training needs a whole batch of the rest.
    assert profile.saliency_images <= profile.synthetic_images // 10
    assert profile.batch_size <= profile.synthetic_images * 8 // 10
    assert profile.seeds >= 2  # one seed has no spread


def test_unknown_profile_is_refused_with_the_known_ones():
    with pytest.raises(PosekitError, match="one of 'smoke', 'quick', 'full'; got 'huge'"):
        profiles.by_name("huge")
