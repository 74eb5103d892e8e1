"""Recounts every figure of a demo issue, from the archived raw files and a dump of the ledger, by plain SQL in
DuckDB; and compares with the exact values of the bulletin's JSON.

It shares nothing with the program: it reads the raw files with readers of its own (DuckDB's CSV and JSON,
Python's XML), the reference files as they were delivered, and the ledger with Python's sqlite3. What it
knows is what docs/statistics.md defines.

    recount.py WORKSPACE BULLETIN.json [--without FEED]

Prints one JSON object: checked, differing. --without leaves a feed's reports out: the broken twin, which must
differ.
"""

import datetime
import glob
import json
import os
import sqlite3
import sys
import tempfile
import xml.etree.ElementTree as ET

import duckdb

workspace, bulletin_file = sys.argv[1:3]
without = sys.argv[4] if len(sys.argv) > 4 and sys.argv[3] == "--without" else None
bulletin = json.load(open(bulletin_file, encoding="utf-8"))
db = duckdb.connect()
db.execute("set timezone = 'UTC'")

# The week in the reporting zone, as UTC. The demo's zone is east of Greenwich by eight hours, always.
EAST = datetime.timedelta(hours=8)
first = datetime.datetime.fromisoformat(bulletin["week"]["first"])
start, end = first - EAST, first - EAST + datetime.timedelta(days=7)
micros = lambda at: int((at - datetime.datetime(1970, 1, 1)).total_seconds()) * 1_000_000
db.execute("create table span as select ?::timestamp as start, ?::timestamp as stop", [start, end])
db.execute("create table asked as select ?::bigint as start, ?::bigint as stop", [micros(start), micros(end)])

# --- The ledger's dump -------------------------------------------------------------------------------------
ledger = sqlite3.connect(f"file:{workspace}/ledger.db?mode=ro", uri=True)


def dump(table):
    columns = [(row[1], row[2]) for row in ledger.execute(f'pragma table_info("{table}")')]
    kinds = {"integer": "bigint", "boolean": "bigint", "blob": "blob", "real": "double"}
    made = ", ".join(f'"{name}" {kinds.get(kind.lower(), "varchar")}' for name, kind in columns)
    db.execute(f'create table "{table}" ({made})')
    rows = ledger.execute(f'select * from "{table}"').fetchall()
    if rows:
        marks = ", ".join("?" * len(columns))
        db.executemany(f'insert into "{table}" values ({marks})', rows)


for table in ["report", "incident", "directive", "organization", "verification"]:
    dump(table)

# --- The archived raw files --------------------------------------------------------------------------------
lane = tempfile.mkdtemp()


def as_text(columns):
    """Columns of text, as they are declared."""
    return ", ".join('"' + column + '" varchar' for column in columns)


def raw(like):
    """The blobs of the reports of feeds whose name is like this: (origin, path)."""
    rows = db.execute(
        "select origin, lower(hex(blob)) from report where feed like ? and state = 'ingested' and feed <> ?",
        [like, without or ""],
    ).fetchall()
    return [(origin, f"{workspace}/blobs/{hash[:2]}/{hash[2:]}.raw") for origin, hash in rows]


def csv(name, like, columns, delim=",", header=True):
    """Reads CSV blobs as text columns: those named, by the header or by place. Rows that are not whole (a
    wrong number of columns) are left out, as a reader of its own may."""
    db.execute(f"create table {name} ({as_text(columns)})")
    by_shape = {}
    for origin, path in raw(like):
        line = open(path, encoding="utf-8-sig").readline().rstrip("\r\n")
        by_shape.setdefault(line if header else "", []).append(path)
    for shape, paths in by_shape.items():
        names = [n.strip('"') for n in shape.split(delim)] if header else columns
        given = "{" + ", ".join(f"'{n}': 'varchar'" for n in names) + "}"
        picked = ", ".join(f'"{c}"' if c in names else "null" for c in columns)
        db.execute(
            f"""insert into {name} select {picked} from read_csv({paths!r}, delim={delim!r}, quote='"',
            header={str(header).lower()}, columns={given}, ignore_errors=true, null_padding=false,
            strict_mode=true, auto_detect=false)"""
        )


def rows(name, columns, values):
    db.execute(f"create table {name} ({as_text(columns)})")
    path = f"{lane}/{name}.json"
    with open(path, "w", encoding="utf-8") as file:
        for value in values:
            file.write(json.dumps(dict(zip(columns, value)), ensure_ascii=False) + "\n")
    if values:
        given = "{" + ", ".join(f"'{column}': 'varchar'" for column in columns) + "}"
        db.execute(f"insert into {name} select * from read_json('{path}', columns={given}, format='newline_delimited')")


def shadowserver(table, file, columns):
    """Reports of one type by their file name."""
    db.execute(f"create table {table} ({as_text(columns)})")
    by_shape = {}
    for origin, path in raw("%"):
        if os.path.basename(origin)[11:] == f"{file}-canglan.csv":
            line = open(path, encoding="utf-8-sig").readline().rstrip("\r\n")
            by_shape.setdefault(line, []).append(path)
    for shape, paths in by_shape.items():
        names = [n.strip('"') for n in shape.split(",")]
        given = "{" + ", ".join(f"'{n}': 'varchar'" for n in names) + "}"
        db.execute(
            f"""insert into {table} select {', '.join('"' + c + '"' for c in columns)} from read_csv({paths!r},
            delim=',', quote='"', header=true, columns={given}, ignore_errors=true, auto_detect=false)"""
        )


for number, file in enumerate(
    ["event4_sinkhole", "event4_sinkhole_http", "event4_microsoft_sinkhole_http", "event6_sinkhole"]
):
    shadowserver(f"sink{number}", file, ["timestamp", "src_ip", "infection"])
shadowserver("ss_malware_url", "malware_url", ["timestamp", "url", "host", "ip"])
shadowserver("ss_website", "compromised_website", ["timestamp", "ip", "url", "http_host"])
csv("malware_list", "malware-list", ["first_seen_utc", "url", "ip", "malware"])
csv("defacement", "defacement-watch", ["seen_at", "site", "url", "ip"])
csv("webshell", "webshell-watch", ["seen_at", "site", "url", "ip"])
csv("phish_list", "phishing-list", ["date", "URL", "description"])
csv("posts", "posts", ["seen", "who", "kind", "value", "tags", "link"], header=False)
csv("samples", "sample-exchange", ["first_seen", "name"], delim=";")

online, exits = [], []
for origin, path in raw("malware-online"):
    day = os.path.basename(origin)[7:17]
    for line in open(path, encoding="utf-8"):
        if line.strip() and not line.startswith("#"):
            online.append((day, line.strip()))
rows("malware_online", ["day", "url"], online)

desk = []
for _, path in raw("phishing-desk"):
    for line in open(path, encoding="utf-8"):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        desk.append((row.get("confirmed"), row.get("url"), row.get("brand"), (row.get("resolved") or {}).get("ip")))
rows("phish_desk", ["confirmed", "url", "brand", "ip"], desk)

records = []
for _, path in raw("cnvd"):
    text = open(path, encoding="utf-8-sig").read()
    try:
        found = ET.fromstring(text).iter("vulnerability")
    except ET.ParseError:
        continue
    for one in found:
        records.append((one.findtext("number"), one.findtext("serverity"), one.findtext("openTime")))
rows("cnvd", ["number", "level", "opened"], records)
objects = []
for _, path in raw("cnvd-objects"):
    for one in json.load(open(path, encoding="utf-8"))["items"]:
        objects.append((one.get("number"), one.get("level"), one.get("opened"), one.get("object")))
rows("cnvd_objects", ["number", "level", "opened", "object"], objects)

lanterns = []
for origin, path in raw("c2-tracker"):
    day, name = origin.split("/")[-2:]
    lanterns.append((day, name.removesuffix(" IPs.txt").lower()))
rows("lanterns", ["day", "name"], lanterns)


# Stalkerware: what stands below each key of the list; the sites below `distribution` serve it.
distributors, stalking = [], []
for origin, path in raw("stalkerware"):
    day, below = os.path.basename(origin)[4:14], ""
    for line in open(path, encoding="utf-8"):
        bare = line.strip()
        if not bare.startswith("- ") or bare.startswith("- name:"):
            below = bare.rstrip(":")
        elif below != "names":
            stalking.append(("stalkerware", day, bare[2:].strip().lower()))
            if below == "distribution":
                distributors.append((day, bare[2:].strip()))
rows("distributors", ["day", "host"], distributors)

# Block lists: (list, day of the snapshot, item).
listed = [("malware-online", day, url) for day, url in online] + stalking
for feed in ["c2-tracker", "anonymizer-exits", "untrusted-prefixes"]:
    for origin, path in raw(feed):
        place, base = origin.split("/")[-2:]
        day = place if feed == "c2-tracker" else base.split("_")[-1][:10]
        name = base if feed == "c2-tracker" else feed
        for line in open(path, encoding="utf-8"):
            bare = line.strip()
            if bare and not bare.startswith(("#", ";", "//")):
                listed.append((f"{feed}/{name}", day, bare))
rows("listed", ["list", "day", "item"], listed)

# --- Reference files, as delivered -------------------------------------------------------------------------
reference = f"{workspace}/reference-sources"


def cidrs(pattern):
    found = []
    for path in glob.glob(f"{reference}/{pattern}"):
        name = os.path.basename(path).removesuffix(".txt")
        for line in open(path, encoding="utf-8"):
            if "/" in line:
                found.append((name, *line.strip().split("/")))
    return found


rows("country_cidr", ["name", "net", "bits"], cidrs("country-cidr/*.txt"))
rows("region_cidr", ["name", "net", "bits"], cidrs("region-cidr/*.txt"))
rows(
    "suffixes",
    ["suffix"],
    [(l.strip(),) for l in open(f"{reference}/public_suffix_list.dat") if l.strip() and not l.startswith("//")],
)
db.execute(f"create table brands as select * from read_csv('{reference}/brands.csv', all_varchar=true, header=true)")
db.execute(f"create table countries as select * from read_csv('{reference}/countries.csv', all_varchar=true, header=true)")
db.execute(f"create table owners as select * from read_csv('{reference}/owner-class.csv', all_varchar=true, header=true)")
rows("resolvers", ["ip"], [(i,) for i in json.load(open(f"{reference}/warninglists/canglan-resolvers.json"))["list"]])
rows("top_sites", ["site"], [(i,) for i in json.load(open(f"{reference}/warninglists/canglan-top-sites.json"))["list"]])
rows("inside", ["country"], [("XC",)])

db.execute(
    r"""
create macro v4(ip) as (split_part(ip, '.', 1)::bigint * 16777216 + split_part(ip, '.', 2)::bigint * 65536
    + split_part(ip, '.', 3)::bigint * 256 + split_part(ip, '.', 4)::bigint);
create macro is_v4(ip) as regexp_full_match(ip, '\d{1,3}(\.\d{1,3}){3}');
create macro host_of(url) as lower(regexp_extract(url, '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]+)', 1));
create macro in_week(moment) as (moment >= (select start from span) and moment < (select stop from span));
create macro east(written) as (try_cast(written as timestamp) - interval 8 hour);

-- What was seen, of all time, one table a kind: who, when (UTC), what.
create table infected as
    select try_cast(timestamp as timestamp) as moment, src_ip as ip, lower(infection) as name from (
        select * from sink0 union all select * from sink1 union all select * from sink2 union all select * from sink3);
create table hosting as
    select day::timestamp as moment, null as url, lower(host) as host, null as ip from distributors
    union all select moment, url, host_of(url) as host, nullif(ip, '') as ip from (
        select try_cast(first_seen_utc as timestamp) as moment, url, ip from malware_list
        union all select day::timestamp - interval 8 hour, url, null from malware_online
        union all select try_cast(timestamp as timestamp), url, ip from ss_malware_url
        union all select try_cast(seen as timestamp), value, null from posts
            where kind = 'url' and tags = '#malware');
create table defaced as
    select east(seen_at) as moment, coalesce(nullif(host_of(url), ''), lower(site)) as host, nullif(ip, '') as ip from defacement;
create table backdoored as
    select east(seen_at) as moment, coalesce(nullif(host_of(url), ''), lower(site)) as host, nullif(ip, '') as ip from webshell
    union all select try_cast(timestamp as timestamp), lower(http_host), nullif(ip, '') from ss_website where http_host <> '';
create table phishing as
    select moment, url, host_of(url) as host, ip, lower(brand) as brand from (
        select east(replace(date, '/', '-')) as moment, URL as url, null as ip, description as brand from phish_list
        union all select try_cast(confirmed as timestamptz)::timestamp, url, ip, brand from phish_desk
        union all select try_cast(seen as timestamp), value, null, null from posts where kind = 'url' and tags like '%#phishing%');

-- Names to registrable domains by the longest public suffix.
create table hosts as select distinct host from (select host from hosting union select host from defaced
    union select host from backdoored union select host from phishing) where host <> '' and not is_v4(host);
create table names as
    select host, regexp_extract(host, '[^.]+$') as tld,
        arg_max(regexp_extract(left(host, length(host) - length(suffix) - 1), '[^.]+$') || '.' || suffix, length(suffix)) as domain
    from hosts join suffixes on ends_with(host, '.' || suffix)
    where host not in (select suffix from suffixes) group by host;

-- Addresses to countries and provinces by the longest prefix.
create table addresses as select distinct ip, case when is_v4(ip) then v4(ip) end as n from (
    select ip from infected where in_week(moment) union select ip from hosting where in_week(moment)
    union select host from hosting where in_week(moment) union select ip from defaced where in_week(moment)
    union select ip from backdoored where in_week(moment)) where is_v4(ip) or contains(ip, ':');
create table prefixes as select kind, name, bits::int as bits, rtrim(net, ':') || ':' as head,
        case when is_v4(net) then v4(net) end as lo, case when is_v4(net) then v4(net) + (1::bigint << (32 - bits::int)) - 1 end as hi
    from (select 'country' as kind, * from country_cidr union all select 'region', * from region_cidr);
create table found as
    select kind, ip, arg_max(name, bits) as name from addresses join prefixes on n between lo and hi group by all
    union all select kind, ip, arg_max(name, bits) from addresses join prefixes
        on n is null and lo is null and starts_with(ip, head) group by all;
create table country_of as select ip, name as country from found where kind = 'country';
create table region_of as select ip, name as region from found where kind = 'region';
create table place as
    select ip, case when country in (select country from inside) then 'inside' when country is not null then 'outside' else 'unknown' end as place
    from addresses left join country_of using (ip);
create table tld_place as select tld, case when "alpha-2" in (select country from inside) then 'inside' else 'outside' end as place
    from countries where tld <> '';

-- M: hosts in the territory in the week.
create table m as
    select ip, bool_or(name in ('conficker', 'downadup', 'kido')) as conficker, bool_or(name not in ('conficker', 'downadup', 'kido') or name is null) as other
    from infected join place using (ip)
    where in_week(moment) and place = 'inside' and ip not in (select ip from resolvers) group by ip;

-- H: hosting sites.
create table h as select hosting.*, names.domain, names.tld from hosting left join names using (host)
    where in_week(moment)
    and not coalesce(regexp_full_match(url, '[a-z]+://[^/?#]*[/?#]?') and exists (select 1 from top_sites where host = site or ends_with(host, '.' || site)), false);
create table h_domain as select distinct domain, tld, coalesce(place, 'unknown') as place from h left join tld_place using (tld) where domain is not null;
create table h_address as
    select ip, case min(code) when 1 then 'inside' when 2 then 'outside' else 'unknown' end as place, bool_or(direct) as direct from (
        select h.ip, case place when 'inside' then 1 when 'outside' then 2 else 3 end as code, domain is null and host = h.ip as direct from h join place on place.ip = h.ip
        union all select host, case when h.ip is not null then 3 when place = 'inside' then 1 when place = 'outside' then 2 else 3 end, true
            from h join place on place.ip = host where domain is null and is_v4(host) and h.ip is distinct from host) group by ip;

-- W: sites and pages.
create macro site_kind(host, tld) as (case
    when exists (select 1 from owners where class = 'government' and (host = suffix or ends_with(host, '.' || suffix))) then 'gov'
    when exists (select 1 from owners where class = 'education' and (host = suffix or ends_with(host, '.' || suffix))) then 'edu'
    when tld in ('com', 'net', 'org') then tld else 'other' end);
create table sites as
    select what, coalesce(domain, host) as site, min(site_kind(host, tld)) as kind from (
        select 'W1' as what, * from defaced union all select 'W3', * from backdoored) seen
    left join names using (host) left join place using (ip) left join tld_place using (tld)
    where in_week(moment) and coalesce(tld_place.place, place.place) = 'inside' group by all;
create table target as select alias as brand, sector, country from (
    select lower(alias) as alias, sector, country from brands union select lower(brand), sector, country from brands);
create table p as select phishing.*, names.domain, sector,
        case when country in (select country from inside) then 1 when country is not null then 2 else 0 end as code,
        regexp_full_match(url, '[a-z]+://[^/?#]*[/?#]?') and exists (select 1 from top_sites where host = site or ends_with(host, '.' || site)) as warned
    from phishing left join names using (host) left join target using (brand) where in_week(moment) and url <> '';
create table against as select url, coalesce(min(sector), 'unknown') as sector, bool_or(ip is not null or is_v4(host)) as addressed
    from p where code = 1 and not warned group by url;

-- V: records.
create table v as select number, max(rank) as rank, min(object) as object from (
    select number, case level when '高' then 3 when '中' then 2 when '低' then 1 else 0 end as rank, null as object, east(opened) as moment from cnvd
    union all select number, case lower(level) when 'high' then 3 when 'critical' then 3 when 'medium' then 2 when 'low' then 1 else 0 end, object, east(opened) from cnvd_objects)
    where in_week(moment) and number like 'CNVD-%' group by number;
create table kinds (mark varchar, kind varchar);
insert into kinds values ('应用程序', 'application'), ('WEB应用', 'web-application'), ('网络设备', 'network-equipment'),
    ('操作系统', 'operating-system'), ('安全产品', 'security-product'), ('智能设备', 'smart-device'), ('工业控制', 'industrial-control'), ('数据库', 'database');
create table v_kind as select number, coalesce(min(kind), 'unknown') as kind from v left join kinds on starts_with(object, mark) group by number;

-- I: incidents handled.
create table handled as select * from incident where counted_at >= (select start from asked) and counted_at < (select stop from asked)
    and state <> 'merged' and (resolution is null or resolution not in ('invalid', 'duplicate', 'stale'));
create table opened as select * from incident where opened_at >= (select start from asked) and opened_at < (select stop from asked)
    and state <> 'merged' and (resolution is null or resolution not in ('invalid', 'duplicate', 'stale'));
create table parties as select distinct incident_id, role, organization_id, acted_at from directive where asked_at is not null;
create macro ended(gone_at, resolution, closed_at) as (gone_at is not null or (closed_at is not null and resolution in ('taken-down', 'suspended', 'cleaned', 'patched', 'restored')));
create table outcome as select *, case when resolution = 'refused' then 'refused' when resolution = 'no-response' then 'no-response'
    when resolution = 'moved' then 'moved' when ended(gone_at, resolution, closed_at) then 'ended' when state = 'acted' then 'acted' else 'reopened' end as became from handled;
create macro goes_down(kind) as kind in ('phishing', 'malicious-app', 'malware-hosting', 'control-server', 'mobile-control-server', 'defacement', 'backdoor');
create table stock as select *, opened_at < (select stop from asked) and (closed_at is null or closed_at >= (select stop from asked))
    and (gone_at is null or gone_at >= (select stop from asked)) as open from incident where state <> 'merged';
"""
)

figures = {}


def one(sql, *given):
    return db.execute(sql, list(given)).fetchone()[0]


def count(key, sql):
    figures[key] = {"kind": "count", "count": int(one(sql))}


def ratio(key, part, whole):
    figures[key] = {"kind": "ratio", "numerator": int(one(part)), "denominator": int(one(whole))}


def members(key, sql, whole=None, top=None):
    """A ranking or division: largest first, then by name, the unknown last."""
    found = db.execute(sql).fetchall()
    known = sorted((row for row in found if row[0] != "unknown"), key=lambda row: (-row[1], row[0]))
    rest = [row for row in found if row[0] == "unknown"]
    names = [row[0] for row in known]
    figures[key] = {"kind": "rank", "names": names[:top] if top else names + [row[0] for row in rest]}
    for name, n in known + rest:
        if whole:
            figures[f"{key}/{name}"] = {"kind": "ratio", "numerator": n, "denominator": int(one(whole))}
        else:
            figures[f"{key}/{name}"] = {"kind": "count", "count": n}


count("M2", "select count(*) from m where other")
count("M3", "select count(*) from m where conficker")
count("M1", "select count(*) filter (other) + count(*) filter (conficker) from m")
count("M1/union", "select count(*) from m")
members("M5", "select coalesce(region, 'unknown'), count(*) from m left join region_of using (ip) where other group by 1", top=3)

count("H1", "select count(*) from h_domain")
count("H2", "select count(*) from h_address")
count("H6", "select count(*) from h_address where direct")
ratio("H3", "select count(*) from h_domain where place = 'outside'", "select count(*) from h_domain")
ratio("H5", "select count(*) from h_address where place = 'outside'", "select count(*) from h_address")
for where in ["inside", "outside", "unknown"]:
    count(f"H3/{where}", f"select count(*) from h_domain where place = '{where}'")
    count(f"H5/{where}", f"select count(*) from h_address where place = '{where}'")
ratio("H4", "select count(*) c from h_domain group by tld order by c desc limit 1", "select count(*) from h_domain")
for tld, n in db.execute("select tld, count(*) from h_domain group by 1").fetchall():
    ratio(f"H4/{tld}", f"select {n}", "select count(*) from h_domain")

for whole, gov, division in [("W1", "W2", "W8"), ("W3", "W4", "W9")]:
    all_sites = f"select count(*) from sites where what = '{whole}'"
    of_government = all_sites + " and kind = 'gov'"
    count(whole, all_sites)
    count(gov, of_government)
    ratio(f"{gov}/share", of_government, all_sites)
    members(division, f"select kind, count(*) from sites where what = '{whole}' group by 1", all_sites)
count("W5", "select count(*) from against")
count("W5/elsewhere", "select count(*) from (select url from p where code <> 1 and url not in (select url from against) group by url having max(code) = 2)")
count("W5/untargeted", "select count(*) from (select url from p where code <> 1 and url not in (select url from against) group by url having max(code) = 0)")
count("W6", "select count(distinct domain) from p where code = 1 and not warned")
addresses = """select count(distinct a) from (select ip as a from p where code = 1 and not warned and ip is not null
    union select host from p where code = 1 and not warned and domain is null and is_v4(host))"""
count("W6/address", addresses)
ratio("W7", "select count(*) from against where addressed", addresses)

count("V1", "select count(*) from v")
for key, rank in [("V1/unrated", 0), ("V4", 1), ("V3", 2), ("V2", 3)]:
    count(key, f"select count(*) from v where rank = {rank}")
members("V6", "select kind, count(*) from v_kind group by 1", "select count(*) from v")

# The word of the level: the profile's cuts over V1, as the program keeps them (docs/rating.md).
# Names first seen: not in the thirteen weeks before. (Every feed of the demo that names malware has done so for
# at least the eight weeks that it takes to tell.)
db.execute(
    r"""create table named as select moment, name, coalesce(nullif(trim(regexp_extract(regexp_extract(name, '([^/:]+)[/:]*$', 1), '^[.!@#]*([^.!@#]+)', 1)), ''), name) as family from (
        select moment, name from infected union all select try_cast(first_seen_utc as timestamp), lower(malware) from malware_list
        union all select east(first_seen), lower(name) from samples union all select day::timestamp, name from lanterns) where name <> ''"""
)
before = "select {} from named where moment < (select start from span) and moment >= (select start from span) - interval 91 day"
for key, what in [("M4", "name"), ("M4/family", "family")]:
    count(key, f"select count(distinct {what}) from named where in_week(moment) and {what} not in ({before.format(what)})")

n = one("select count(*) from v")
figures["V5"] = {"kind": "word", "word": "low" if n <= 130 else "medium" if n <= 400 else "high"}

count("I1", "select count(*) from handled")
for what in ["ended", "acted", "refused", "no-response", "moved", "reopened"]:
    count(f"I1/{what}", f"select count(*) from outcome where became = '{what}'")
count("I2", "select count(*) from handled where trim(border) <> ''")
ratio("I2/share", "select count(*) from handled where trim(border) <> ''", "select count(*) from handled")
for border in ["reporter", "victim", "hosting", "registrar", "party"]:
    count(f"I2/{border}", f"select count(*) from handled where list_contains(string_split(border, ' '), '{border}')")
asked = "select count(*) from handled where kind = 'phishing' and id in (select incident_id from parties where role in ({}))"
count("I3", "select count(*) from handled where kind = 'phishing'")
count("I3/registrar", asked.format("'registrar', 'registry'"))
count("I3/overseas-cert", asked.format("'overseas-cert'"))
count("I3/partners", asked.format("'registrar', 'registry', 'overseas-cert'"))
platforms = """from handled join parties on parties.incident_id = handled.id where kind = 'malicious-app' and role = 'app-platform'
    and (parties.acted_at is not null or ended(gone_at, resolution, closed_at))"""
count("I4", f"select count(distinct organization_id) {platforms}")
count("I5", f"select count(distinct coalesce(url, key)) {platforms}")
members("I6", "select kind, count(*) from handled group by 1", "select count(*) from handled")
members(
    "I7",
    "select role, count(distinct incident_id) from parties join handled on handled.id = incident_id group by 1",
    top=3,
)

# T: Kaplan and Meier by hand, in SQL: what goes on is taken out when it was last looked at.
as_of = micros(datetime.datetime.fromisoformat(bulletin["provenance"]["ledger_as_of"].rstrip("Z")))


def survival(where, began, over, quantile):
    found = db.execute(
        f"""with cases as (select case when {over} is not null and {over} <= {as_of} then {over} - {began} else {as_of} - {began} end as t,
                {over} is not null and {over} <= {as_of} as ended from opened where {where} and {began} <= {as_of}),
            steps as (select t, count(*) filter (ended) as d, (select count(*) from cases c where c.t >= s.t) as n from cases s group by t),
            curve as (select t, d, exp(sum(case when d = n then -1e9 else ln(1 - d::double / n) end) over (order by t)) as s from steps)
        select min(t) from curve where d > 0 and s <= {quantile} + 1e-12"""
    ).fetchone()[0]
    # Whole minutes, printed as hours.
    return None if found is None else {"kind": "ratio", "numerator": found // 60_000_000, "denominator": 60}


noticed = f"noticed_at is not null and noticed_at <= {as_of}"
down = f"goes_down(kind) and {noticed}"
figures["T1"] = survival(down, "noticed_at", "gone_at", 0.5)
figures["T1/p90"] = survival(down, "noticed_at", "gone_at", 0.1)
figures["T1/phishing"] = survival(f"kind = 'phishing' and {noticed}", "noticed_at", "gone_at", 0.5)
figures["T1/from-opening"] = survival("goes_down(kind)", "opened_at", "gone_at", 0.5)
count("T1/n", f"select count(*) from opened where {down}")
count("T1/open", f"select count(*) from opened where {down} and (gone_at is null or gone_at > {as_of})")
ratio("T2", f"select count(*) from opened where {down} and gone_at <= {as_of} and gone_at - noticed_at <= 86400000000", f"select count(*) from opened where {down}")
figures["T3"] = survival(noticed, "noticed_at", "acknowledged_at", 0.5)
figures["T3/p90"] = survival(noticed, "noticed_at", "acknowledged_at", 0.1)
count("T3/n", f"select count(*) from opened where {noticed}")
count("T3/open", f"select count(*) from opened where {noticed} and (acknowledged_at is null or acknowledged_at > {as_of})")
unclear = f"""select count(*) from opened where {down} and (gone_at is null or gone_at > {as_of}) and id in (
    select incident_id from verification group by 1 having arg_max(finding, at_id) = 'inconclusive')"""
ratio("T1/inconclusive", unclear.replace("arg_max(finding, at_id)", 'arg_max(finding, ("at", id))'), f"select count(*) from opened where {down}")
stop = "(select stop from asked)"
count("S1", "select count(*) from stock where open")
count("S1/overdue", f"select count(*) from stock where open and id in (select incident_id from directive where asked_at is not null and due_at < {stop} and (acted_at is null or acted_at >= {stop}))")
count("S1/government", "select count(*) from stock where open and kind = 'defacement' and contains(flags, 'government')")
count("S1/opened", f"select count(*) from stock where opened_at >= (select start from asked) and opened_at < {stop}")
count("S1/closed", f"select count(*) from stock where closed_at >= (select start from asked) and closed_at < {stop}")

# L: an item begins where the snapshot before did not name it, and ends where one no longer does. The items of a
# list's first snapshot began nobody knows when.
db.execute(
    """create table snapshots as select list, day, lag(day) over w as last, lead(day) over w as next, row_number() over w as n
        from (select distinct list, day::timestamp - (case when list = 'malware-online' then interval 8 hour else interval 0 hour end) as day from listed) window w as (partition by list order by day);
    create table days as select distinct list, day::timestamp - (case when list = 'malware-online' then interval 8 hour else interval 0 hour end) as day, item from listed;
    create table begun as select days.*, n from days join snapshots using (list, day) where not exists (select 1 from days d where d.list = days.list and d.item = days.item and d.day = last);
    create table ended as select days.*, next as gone from days join snapshots using (list, day) where next is not null
        and not exists (select 1 from days d where d.list = days.list and d.item = days.item and d.day = next);"""
)
count("L1", "select count(distinct (list, item)) from begun where in_week(day) and n > 1")
count("L3", "select count(distinct (list, item)) from ended where in_week(gone)")
count(
    "L2",
    """select count(distinct (list, item)) from days join (select list, max(day) as day from days where day < (select stop from span) group by list) newest using (list, day)
    where in_week(day) and not exists (select 1 from begun where begun.list = days.list and begun.item = days.item and in_week(begun.day) and n > 1)""",
)

# L4: a stay that began in the 52 weeks lasts to the first snapshot without the item; one that goes on is taken out
# at the list's newest snapshot.
db.execute(
    """create table stays as
    select b.day as began, (select max(day) from snapshots s where s.list = b.list and s.day < (select stop from span)) as newest,
        (select min(gone) from ended e where e.list = b.list and e.item = b.item and e.day >= b.day and gone < (select stop from span)) as gone
    from begun b where n > 1 and b.day < (select stop from span) and b.day >= (select stop from span) - interval 364 day;
    create table lengths as select date_diff('day', began, coalesce(gone, newest)) as t, gone is not null as ended from stays;"""
)
for key, left in [("L4", 0.5), ("L4/p90", 0.1)]:
    found = one(
        f"""with steps as (select t, count(*) filter (ended) as d, (select count(*) from lengths l where l.t >= s.t) as n from lengths s group by t),
            curve as (select t, d, exp(sum(case when d = n then -1e9 else ln(1 - d::double / n) end) over (order by t)) as s from steps)
        select min(t) from curve where d > 0 and s <= {left} + 1e-9"""
    )
    figures[key] = None if found is None else {"kind": "count", "count": found}
count("L4/n", "select count(*) from lengths")
count("L4/going-on", "select count(*) from lengths where not ended")

# --- Compare -----------------------------------------------------------------------------------------------
checked, differing = [], []
for value in bulletin["values"]:
    key = value["key"]
    if "@" in key:
        continue
    printed = value["value"]["exact"] if value["value"] else None
    checked.append(key)
    if figures.get(key) != printed:
        differing.append({"figure": key, "printed": printed, "recounted": figures.get(key)})
print(json.dumps({"checked": checked, "differing": differing}, ensure_ascii=False, indent=1))
sys.exit(1 if differing else 0)
