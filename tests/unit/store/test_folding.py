"""Text as people search for it."""

import pytest

from edge.store.folding import fold, fold_name, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Müller^Ânna", "muller anna"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("Østergård^Łukasz", "ostergard lukasz"),
        ("Διονύσιος", "διονυσιος".replace("ς", "σ")),
        ("ﾔﾏﾀﾞ", "ヤマダ"),
        ("ヤマタ", "ヤマタ"),
        ("홍^길동", "홍 길동"),
        ("שָׁרוֹן", "שרון"),
        ("  a ^^ b ", "a b"),
    ],
)
def test_case_accents_and_separators_do_not_count(text: str, expected: str) -> None:
    assert fold(text) == expected


def test_the_groups_of_a_name_stay_apart() -> None:
    assert fold_name("Yamada^Tarou=山田^太郎=やまだ^たろう") == "yamada tarou=山田 太郎=やまだ たろう"
    assert fold_name("Wang^XiaoDong=王^小东=") == "wang xiaodong=王 小东"
    assert fold_name("Smith^John^^^") == "smith john"


def test_words_are_letters_and_digits() -> None:
    assert words('Müller^"Ânna" (12)') == ["muller", "anna", "12"]
