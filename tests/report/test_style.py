"""How figures are saved."""

from written_runs import trial, write_run

from linksim.report import write_report


def test_letters_that_no_font_has_are_no_warnings(tmp_path, recwarn):
    rows = [trial(0, {"codec.card": "\u4e2d"}, 0, 0, 12.0, image="\u6587")]
    assert write_report(write_run(tmp_path / "run", [{"codec.card": "\u4e2d"}], rows))
    assert [str(each.message) for each in recwarn] == []
