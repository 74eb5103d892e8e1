"""Reads reports with the Shadowserver parser of the installed intelmq, as a program.

usage: shadowserver_peer.py SCHEMA FOLDER OUT
FOLDER holds reports named as Shadowserver names them; OUT gets one JSON line a report: its file name
and the events that the parser sent on.
"""

import json
import os
import sys
import tempfile

schema, folder, out = sys.argv[1:]
state = tempfile.mkdtemp()
os.environ["INTELMQ_ROOT_DIR"] = state

from intelmq.bots.parsers.shadowserver import _config as config  # noqa: E402
from intelmq.bots.parsers.shadowserver.parser import ShadowserverParserBot  # noqa: E402
from intelmq.lib.bot import BotLibSettings  # noqa: E402
from intelmq.lib.message import Report  # noqa: E402

# The two calls by which its own tests point it at a schema of theirs.
with open(config.prepare_update_schema_test(state), "wb") as file, open(schema, "rb") as given:
    file.write(given.read())
config.enable_test_mode(False)
bot = ShadowserverParserBot("shadowserver-parser", settings=BotLibSettings)

with open(out, "w", encoding="utf-8") as lines:
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8", newline="") as file:
            text = file.read()
        report = Report()
        report.add("raw", text)
        report.add("extra.file_name", name)
        bot.feedname = None
        sent = bot.process_message(report)["output"]
        events = [event.to_dict(hierarchical=False) for event in sent]
        lines.write(json.dumps({"file": name, "events": events}, default=str) + "\n")
