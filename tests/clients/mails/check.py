"""Compares what two foreign parsers saw of each mail, and holds it against RFC 8058. Exit 0 if all is as it should be."""

import json
import pathlib
import re
import sys


def main():
    one, other = ([json.loads(line) for line in pathlib.Path(path).read_text("utf-8").splitlines()] for path in sys.argv[1:3])
    wrong = []
    if len(one) < 2 or len(one) != len(other):
        wrong.append(f"{len(one)} mails by one parser, {len(other)} by the other")
    for left, right in zip(one, other):
        name = left["message_id"]
        for field in left:
            if left[field] != right[field]:
                wrong.append(f"{name}: {field}: {left[field]!r} and {right[field]!r}")
        # The link that nobody sees is for machines only, and stands in the HTML alone; so does nothing else.
        extra = set(left["html_links"]) - set(left["text_links"])
        if len(extra) != 1 or set(left["text_links"]) - set(left["html_links"]):
            wrong.append(f"{name}: HTML and text have other links: {sorted(extra)}")
        if left["one_click"] != "List-Unsubscribe=One-Click":
            wrong.append(f"{name}: no one-click header")
        if not re.match(r"^<https?://[^>]+/u/[A-Za-z0-9_-]+>", left["list_unsubscribe"]):
            wrong.append(f"{name}: List-Unsubscribe is {left['list_unsubscribe']!r}")
        if not any("/u/" in link for link in left["text_links"]):
            wrong.append(f"{name}: the text has no way out")
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    print(f"{len(one)} mails, read alike by mailparser and by Python's email: {len(wrong)} differences")
    sys.exit(1 if wrong else 0)


main()
