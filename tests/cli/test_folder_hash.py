"""The hash that `push` and the operator share."""

from hypothesis import given
from hypothesis import strategies as st

from desired_state.folder_hash import folder_hash

FOLDERS = st.dictionaries(st.text(max_size=3), st.binary(max_size=3), max_size=3)


@given(FOLDERS, FOLDERS)
def test_equal_exactly_where_the_folders_are(
    left: dict[str, bytes], right: dict[str, bytes]
) -> None:
    assert (folder_hash(left) == folder_hash(right)) == (left == right)


@given(FOLDERS)
def test_order_and_markers_do_not_count(folder: dict[str, bytes]) -> None:
    marked = dict(reversed(folder.items())) | {".pushed": b"{}", ".pushing": b"{}"}
    assert folder_hash(marked) == folder_hash(folder)


def test_the_border_between_path_and_content_counts() -> None:
    assert folder_hash({"ab": b"c"}) != folder_hash({"a": b"bc"})
