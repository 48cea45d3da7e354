"""Tables: the text and the JSON lie beside each other."""

import json

import pytest

from worldmodels.runtime.errors import UserError
from worldmodels.scores import tables


def test_a_table_lies_beside_the_same_as_json(tmp_path, capsys):
    out = tmp_path / "new" / "table.txt"
    tables.publish(out, "a  1\n", {"a": 1})
    assert out.read_text() == capsys.readouterr().out == "a  1\n"
    assert json.loads(out.with_suffix(".json").read_text()) == {"a": 1}


@pytest.mark.parametrize("name", ["table.json", "table.JSON"])
def test_a_table_in_the_place_of_the_json_is_refused(tmp_path, name):
    with pytest.raises(UserError, match=r"another ending, such as .*table\.txt"):
        tables.publish(tmp_path / name, "a  1\n", {"a": 1})
    assert not list(tmp_path.iterdir())
