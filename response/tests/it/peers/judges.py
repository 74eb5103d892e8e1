"""Judges what Watchfire wrote with programs of others. `peers.py JUDGE FILE [EXPECTED]` prints `ok` or why not;
`peers.py each JUDGE FILE...` prints a line for each."""
import json
import sys


def read(path):
    with open(path, "rb") as file:
        return file.read()


def xarf(path):
    import xarf as peer

    report = json.loads(read(path))
    result = peer.parse(report)
    errors = [f"{error.field}: {error.message}" for error in result.errors]
    assert not errors, errors


def stix(path):
    from stix2validator import ValidationOptions, validate_string

    options = ValidationOptions(strict=True, version="2.1")
    result = validate_string(read(path).decode(), options)
    # A bundle that refers to the TLP 2.0 extension is told of; everything else counts.
    errors = [str(error) for error in result.errors]
    assert result.is_valid, errors


def dkim(path, records):
    import dkim as peer

    table = json.loads(read(records))

    def text(name, timeout=5):
        name = name.decode() if isinstance(name, bytes) else name
        return table.get(name.rstrip("."), "").encode()

    assert peer.verify(read(path), dnsfunc=text), "the signature is wrong"


def headers(path, expected):
    import email
    import email.policy

    message = email.message_from_bytes(read(path), policy=email.policy.default)
    want = json.loads(read(expected))
    assert not message.defects, message.defects
    for name, value in want["headers"].items():
        assert message[name] == value, (name, message[name], value)
    for name in message:
        assert not message[name].defects, (name, message[name].defects)
        assert len(message.get_all(name)) == 1, name
    assert message["From"].addresses[0].addr_spec == want["from"], message["From"]
    assert message["From"].addresses[0].display_name == want["from_name"], message["From"]
    assert message["To"].addresses[0].addr_spec == want["to"], message["To"]
    assert message["To"].addresses[0].display_name == want["to_name"], message["To"]
    for part in message.walk():
        assert not part.defects, part.defects
    body = message.get_body(("plain",))
    assert body.get_content().replace("\r\n", "\n") == want["text"], "the letter is another"
    names = [part.get_filename() for part in message.iter_attachments() if part.get_filename()]
    assert names == want["files"], names


def arf(path, expected):
    import email
    import email.policy

    message = email.message_from_bytes(read(path), policy=email.policy.default)
    want = json.loads(read(expected))
    assert message.get_content_type() == "multipart/report", message.get_content_type()
    assert message.get_param("report-type") == "feedback-report"
    parts = list(message.iter_parts())
    kinds = [part.get_content_type() for part in parts]
    assert kinds == ["text/plain", "message/feedback-report", want["third"]], kinds
    inner = parts[1].get_payload()[0]
    for name, value in want["fields"].items():
        assert inner[name] == value, (name, inner[name], value)
    if want["third"] == "message/rfc822":
        assert parts[2].get_payload()[0]["Subject"] == want["subject"]


# The order of children that RFC 7970 gives in its schema (section 8), of the elements that we write.
IODEF = {
    "IODEF-Document": ["Incident+"],
    "Incident": ["IncidentID", "AlternativeID?", "RelatedActivity*", "DetectTime?", "StartTime?", "EndTime?",
                 "RecoveryTime?", "ReportTime?", "GenerationTime", "Description*", "Discovery*", "Assessment*",
                 "Method*", "Contact+", "EventData*", "IndicatorData?", "History?", "AdditionalData*"],
    "Assessment": ["IncidentCategory*", "SystemImpact+"],
    "Contact": ["ContactName*", "ContactTitle*", "Description*", "RegistryHandle*", "PostalAddress*", "Email*",
                "Telephone*", "Timezone?"],
    "Email": ["EmailTo", "Description*"],
    "Telephone": ["TelephoneNumber", "Description*"],
    "EventData": ["Description*", "DetectTime?", "StartTime?", "EndTime?", "RecoveryTime?", "ReportTime?",
                  "Contact*", "Discovery*", "Assessment?", "Method*", "Flow*", "Expectation*", "Record?"],
    "Flow": ["System+"],
    "System": ["Node", "NodeRole*", "Service*", "OperatingSystem*", "Counter*", "AssetID*", "Description*"],
    "Node": ["DomainData*", "Address*", "PostalAddress?", "Location*", "Counter*"],
    "DomainData": ["Name"],
    "Service": ["ServiceName?", "Port?"],
    "Expectation": ["Description*", "DefinedCOA*", "StartTime?", "EndTime?", "Contact?"],
    "Record": ["RecordData+"],
    "RecordData": ["FileData*"],
    "FileData": ["File+"],
    "File": ["HashData?"],
    "HashData": ["Hash+"],
    "Hash": ["DigestMethod", "DigestValue"],
}
VALUES = {
    ("Incident", "purpose"): {"traceback", "mitigation", "reporting", "watch", "other", "ext-value"},
    ("Incident", "restriction"): {"public", "partner", "need-to-know", "private", "default", "white", "green",
                                  "amber", "red", "ext-value"},
    ("Contact", "role"): {"creator", "reporter", "admin", "tech", "provider", "user", "abuse", "irt"},
    ("Contact", "type"): {"person", "organization", "ext-value"},
    ("System", "category"): {"source", "target", "intermediate", "sensor", "infrastructure", "ext-value"},
    ("Address", "category"): {"ipv4-addr", "ipv6-addr", "site-uri"},
    ("NodeRole", "category"): {"phishing-site", "malware-distribution", "c2-server"},
    ("Counter", "type"): {"count", "peak", "average", "ext-value"},
    ("Counter", "unit"): {"byte", "packet", "flow", "event", "host"},
    ("Expectation", "action"): {"remediate-other"},
}


def iodef(path):
    """The structure: order and number of children, values of attributes, times."""
    import re
    import xml.etree.ElementTree as tree
    from datetime import datetime

    root = tree.fromstring(read(path))
    space = "{urn:ietf:params:xml:ns:iodef-2.0}"
    assert root.tag == space + "IODEF-Document", root.tag
    assert root.get("version") == "2.00"
    for node in root.iter():
        name = re.sub("{.*}", "", node.tag)
        children = "".join(re.sub("{.*}", "", child.tag) + " " for child in node)
        model = IODEF.get(name, [])
        pattern = "".join(
            f"(?:{rule.rstrip('?*+')} ){rule[-1] if rule[-1] in '?*+' else ''}" for rule in model
        )
        assert re.fullmatch(pattern, children), (name, children)
        for attribute in node.keys():
            allowed = VALUES.get((name, attribute))
            assert allowed is None or node.get(attribute) in allowed, (name, attribute, node.get(attribute))
        if name.endswith("Time"):
            datetime.fromisoformat(node.text)
    for incident in root:
        assert incident.get("purpose") and incident.find(space + "IncidentID").get("name")


JUDGES = {"xarf": xarf, "stix": stix, "dkim": dkim, "headers": headers, "arf": arf, "iodef": iodef}


def verdict(judge, *arguments):
    try:
        JUDGES[judge](*arguments)
    except AssertionError as problem:
        return "refused: " + str(problem).replace("\n", " ")
    return "ok"


if __name__ == "__main__":
    judge, *arguments = sys.argv[1:]
    if judge == "each":
        for path in arguments[1:]:
            print(verdict(arguments[0], path))
    else:
        print(verdict(judge, *arguments))
