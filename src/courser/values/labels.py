"""Names of encodings that servers send and Python does not know, and what they mean (Encoding Standard, section 4.2).

Two that Python knows are here as well: texts that are sent under them hold characters which only the larger set has
that everybody else reads them with.
"""

from __future__ import annotations

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Final

__all__ = ["LABELS"]

LABELS: Final = {
    "gb2312": "gb18030",
    "euc-kr": "cp949",
    "unicode-1-1-utf-8": "utf-8",
    "iso88591": "iso8859-1",
    "iso88592": "iso8859-2",
    "iso88595": "iso8859-5",
    "iso88596": "iso8859-6",
    "iso88597": "iso8859-7",
    "iso88598": "iso8859-8",
    "iso88599": "iso8859-9",
    "iso885915": "iso8859-15",
    "iso-8859-6-e": "iso8859-6",
    "iso-8859-6-i": "iso8859-6",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-8-i": "iso8859-8",
    "logical": "iso8859-8",
    "visual": "iso8859-8",
    "koi": "koi8-r",
    "koi8": "koi8-r",
    "koi8-ru": "koi8-u",
    "dos-874": "cp874",
    "windows-874": "cp874",
    "windows-949": "cp949",
    "ksc_5601": "cp949",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601-1989": "cp949",
    "windows-31j": "cp932",
    "x-sjis": "cp932",
    "x-euc-jp": "euc_jp",
    "x-gbk": "gbk",
    "gb_2312-80": "gb18030",
    "cn-big5": "big5",
    "x-x-big5": "big5",
    "x-cp1250": "cp1250",
    "x-cp1251": "cp1251",
    "x-cp1252": "cp1252",
    "mac": "mac-roman",
    "x-mac-roman": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "ucs-2": "utf-16-le",
    "unicode": "utf-16-le",
}
"""By label in lower case."""
