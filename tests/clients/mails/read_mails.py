"""Reads every .eml of a folder with Python's own email parser and prints what it saw, as read_mails.mjs does."""

import email
import email.policy
import html.parser
import json
import pathlib
import re
import sys


class Links(html.parser.HTMLParser):
    """Collects where <a> leads."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        if tag == "a":
            self.found += [value for name, value in attributes if name == "href"]


def read(path):
    """What a mail program would see."""
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    parts = {part.get_content_type(): part for part in mail.walk() if not part.is_multipart()}
    assert mail.get_content_type() == "multipart/alternative", mail.get_content_type()
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    for part in [mail, *parts.values()]:
        assert not part.defects, (path.name, part.defects)
    links = Links()
    links.feed(parts["text/html"].get_content())
    text = parts["text/plain"].get_content()
    return {
        "message_id": mail["message-id"].strip(),
        "subject": str(mail["subject"]),
        "from": mail["from"].addresses[0].addr_spec,
        "to": mail["to"].addresses[0].addr_spec,
        "list_unsubscribe": re.sub(r"\s+", " ", str(mail.get("list-unsubscribe", ""))).strip(),
        "one_click": str(mail.get("list-unsubscribe-post", "")).strip(),
        "html_links": sorted(set(links.found)),
        "text_links": sorted(set(re.findall(r"https?://[^\s<>\")\]]+", text))),
        "words": re.sub(r"\s+", " ", text).strip(),
    }


def main():
    folder = pathlib.Path(sys.argv[1])
    seen = sorted((read(path) for path in folder.glob("*.eml")), key=lambda mail: mail["message_id"])
    for mail in seen:
        print(json.dumps(mail, ensure_ascii=False, separators=(",", ":")))


main()
