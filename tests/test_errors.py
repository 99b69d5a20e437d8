import numpy as np
import pytest

from posekit.errors import PosekitError, check_choice, check_keypoints, raise_problems

POSES = np.zeros((2, 3, 2))


def message_of(function, *arguments, **keywords):
    with pytest.raises(PosekitError) as caught:
        function(*arguments, **keywords)
    message = str(caught.value)
    assert "{" not in message and "}" not in message  # a forgotten f-string
    return message


def test_an_error_of_ours_is_a_value_error():
    assert issubclass(PosekitError, ValueError)


def test_no_problem_is_no_error():
    assert raise_problems("caller()", []) is None


def test_every_problem_is_told_under_one_head():
    message = message_of(raise_problems, "caller()", ["`a` is wrong.", "`b` is wrong."])
    assert message == "caller(): `a` is wrong.\n  `b` is wrong."


@pytest.mark.parametrize(("count", "lines", "last"), [(10, 10, "p9."), (12, 11, "... and 2 more.")])
def test_at_most_ten_problems_are_spelled_out(count, lines, last):
    problems = [f"p{number}." for number in range(count)]
    told = message_of(raise_problems, "caller()", problems).split("\n  ")
    assert len(told) == lines and told[-1] == last
    assert len(problems) == count


def test_choice_names_field_choices_and_finding():
    check_choice("caller()", "kind", "lsp", ("lsp", "lspet"))
    message = message_of(check_choice, "caller()", "kind", "coco", ("lsp", "lspet"))
    assert message == "caller(): `kind` must be one of 'lsp', 'lspet'; got 'coco'."


def test_good_keypoints_pass():
    both = {"true_px": POSES, "pred_px": POSES}
    assert check_keypoints("caller()", labelled=np.ones((2, 3), bool), **both) is None
    assert check_keypoints("caller()", true_px=POSES.astype(int)) is None


@pytest.mark.parametrize(
    ("arrays", "finding"),
    [
        ({"pred_px": POSES[0]}, r"`pred_px` must have shape \(N, K, 2\); got \(3, 2\)\."),
        ({"pred_px": np.zeros((2, 3, 3))}, r"`pred_px` must have shape .* got \(2, 3, 3\)\."),
        (
            {"true_px": POSES, "pred_px": POSES[:1]},
            r"`pred_px` must have the shape of `true_px`, \(2, 3, 2\); got \(1, 3, 2\)\.",
        ),
        ({"pred_px": POSES.astype(str)}, r"`pred_px` must hold real numbers; got dtype <U32\."),
        ({"pred_px": POSES * 1j}, r"`pred_px` must hold real numbers; got dtype complex128\."),
        (
            {"pred_px": POSES, "labelled": np.ones((2, 3))},
            r"`labelled` must be bool of shape \(2, 3\); got float64 \(2, 3\)\.",
        ),
        (
            {"pred_px": POSES, "labelled": np.ones((3, 2), bool)},
            r"`labelled` must be bool of shape \(2, 3\); got bool \(3, 2\)\.",
        ),
    ],
)
def test_wrong_shapes_and_types_are_named(arrays, finding):
    with pytest.raises(PosekitError, match=rf"^caller\(\): {finding}"):
        check_keypoints("caller()", **arrays)


def test_first_value_that_is_not_finite_is_named():
    pred_px = POSES.copy()
    pred_px[1, 2] = [4, np.nan]
    message = message_of(check_keypoints, "caller()", pred_px=pred_px)
    assert message == "caller(): `pred_px` must be finite; got [4.0, nan] at [1, 2]."


def test_unlabelled_joints_may_hold_anything():
    pred_px = POSES.copy()
    pred_px[1, 2] = np.inf
    labelled = np.ones((2, 3), bool)
    with pytest.raises(PosekitError, match=r"got \[inf, inf\] at \[1, 2\]"):
        check_keypoints("caller()", labelled=labelled, pred_px=pred_px)
    labelled[1, 2] = False
    check_keypoints("caller()", labelled=labelled, pred_px=pred_px)


def test_shapes_are_told_before_values():
    not_finite = np.full((2, 3, 2), np.nan)
    arrays = {"true_px": not_finite, "pred_px": POSES[:1]}
    message = message_of(check_keypoints, "caller()", labelled=np.ones(2, bool), **arrays)
    assert message.count("must") == 2 and "finite" not in message
    message = message_of(check_keypoints, "caller()", true_px=not_finite, pred_px=not_finite)
    assert message.count("must be finite; got [nan, nan] at [0, 0].") == 2
