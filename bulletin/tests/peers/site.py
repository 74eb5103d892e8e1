"""Judges parts of a site with other people's programs: prints one line a fault, and nothing where there is none.

    site.py feed FILE...       feedparser: well formed, identifiers and dates there
    site.py package FILE       frictionless: the data package and every table of it
"""

import sys

WHAT, *FILES = sys.argv[1:]

if WHAT == "feed":
    import feedparser

    for name in FILES:
        feed = feedparser.parse(name)
        if feed.bozo:
            print(f"{name}: {feed.bozo_exception!r}")
        if not feed.entries:
            print(f"{name}: no entry")
        for entry in feed.entries:
            for part in ("id", "title", "link", "published_parsed"):
                if not entry.get(part):
                    print(f"{name}: an entry without {part}")
        if len({entry.get("id") for entry in feed.entries}) != len(feed.entries):
            print(f"{name}: an identifier twice")
elif WHAT == "package":
    from frictionless import Package, system

    system.trusted = True
    report = Package(FILES[0]).validate()
    for error in report.flatten(["title", "rowNumber", "fieldName", "message"]):
        print(error)
    for task in report.tasks:
        for error in task.errors:
            print(task.name, error.message)
