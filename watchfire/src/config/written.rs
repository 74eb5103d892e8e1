//! The configuration as written: what `watchfire.toml` may hold, and what stands where it says
//! nothing. Not resolved: zones are names, paths hold `${NAME}`.
//!
//! These structs are the only list of keys: unknown ones are told by serde, `config show` prints
//! them, and the environment overrides them by their names.

use model::feed::Feed;
use serde::{Deserialize, Serialize};

/// The whole file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Written {
    /// The workspace itself.
    pub workspace: WorkspaceSection,
    /// The series of bulletins it publishes.
    pub series: SeriesSection,
    /// What counts as inside.
    pub territory: TerritorySection,
    /// How a week is rated.
    pub rating: RatingSection,
    /// Taking in.
    pub ingest: IngestSection,
    /// Reading the lake.
    pub query: QuerySection,
    /// The serving process.
    pub serve: ServeSection,
    /// How people sign in.
    pub sign_in: SignInSection,
    /// From an event to a takedown.
    pub response: ResponseSection,
    /// Block lists of our own.
    pub lists: ListsSection,
    /// The mail edition.
    pub subscribers: SubscribersSection,
    /// Alarms, and whom they reach.
    pub duty: DutySection,
    /// Public nodes, from either side.
    pub public: PublicSection,
    /// Where the ledger lies.
    pub ledger: LedgerSection,
    /// Where the lake and blobs lie.
    pub lake: LakeSection,
    /// Who answers queries over many rows.
    pub engine: EngineSection,
    /// The public site.
    pub site: SiteSection,
    /// Fonts of the PDF.
    pub fonts: FontsSection,
    /// Tables that others publish.
    #[serde(rename = "reference")]
    pub references: Vec<ReferenceEntry>,
    /// How long what is kept.
    pub retention: Vec<RetentionEntry>,
    /// From where else it is looked whether something is gone.
    #[serde(rename = "vantage")]
    pub vantages: Vec<VantageEntry>,
    /// Subscribed sources.
    #[serde(rename = "feed")]
    pub feeds: Vec<Feed>,
}

/// `[workspace]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkspaceSection {
    /// Name for people and logs.
    pub name: String,
    /// IANA zone of the reporting week. It filters; it never decides where data lie.
    pub zone: String,
    /// Whether it is for exercises: its pages say so, and nothing leaves it.
    pub exercise: bool,
}

impl Default for WorkspaceSection {
    fn default() -> Self {
        WorkspaceSection {
            exercise: false,
            name: "watchfire".to_owned(),
            zone: "Asia/Shanghai".to_owned(),
        }
    }
}

/// `[series]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeriesSection {
    /// Identifier under which issues are stored; not changed once there are some.
    pub id: String,
    /// Title in Chinese.
    pub title_zh: String,
    /// Title in English.
    pub title_en: String,
    /// Publishing body in Chinese.
    pub organization_zh: String,
    /// Publishing body in English.
    pub organization_en: String,
    /// What the publisher is and how to reach it, in Chinese; printed at the end.
    pub about_zh: String,
    /// The same in English.
    pub about_en: String,
    /// A warning that stands on every page, in Chinese; empty for none.
    pub banner_zh: String,
    /// The same in English.
    pub banner_en: String,
    /// How issues are numbered: `sunday-ordinal` (DOMAIN rule 2), `iso`, `running` or `manual`.
    pub scheme: String,
    /// Monday of the first issue, `YYYY-MM-DD`; only for `running`.
    pub first_monday: String,
    /// Number of the first issue; only for `running`.
    pub first_number: u32,
    /// TLP 2.0 label of the issues.
    pub tlp: String,
    /// From when on in the week after its own an issue's figures are frozen, as `monday 08:00`.
    pub freeze: String,
    /// When in that week the issue is due.
    pub deadline: String,
}

impl Default for SeriesSection {
    fn default() -> Self {
        SeriesSection {
            id: "weekly".to_owned(),
            title_zh: "网络安全信息与动态周报".to_owned(),
            title_en: "Weekly Report of Network Security".to_owned(),
            organization_zh: String::new(),
            organization_en: String::new(),
            about_zh: String::new(),
            about_en: String::new(),
            banner_zh: String::new(),
            banner_en: String::new(),
            scheme: "sunday-ordinal".to_owned(),
            first_monday: String::new(),
            first_number: 1,
            tlp: "TLP:CLEAR".to_owned(),
            freeze: "monday 08:00".to_owned(),
            deadline: "friday 12:00".to_owned(),
        }
    }
}

/// `[public]`: a node in a DMZ, from either side.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PublicSection {
    /// On the node: the folder of its site, spool and answers.
    pub folder: String,
    /// On the node: address and port of the inner door.
    pub inner: String,
    /// On the node: MiB that the spool takes at most.
    pub spool_mb: u32,
    /// On both sides: the file with the secret that the inside shows.
    pub secret: String,
    /// On the node: the file with the key that seals.
    pub seal_key: String,
    /// Inside: the file with the key that opens.
    pub open_key: String,
    /// Inside: addresses of the nodes' inner doors.
    pub nodes: Vec<String>,
    /// Inside: the address at which everybody reaches a node; notices then name a page there on which they are answered.
    pub url: String,
    /// Inside: the file with the certificates that nodes are known by; empty: the system's.
    pub ca: String,
    /// Inside: seconds between two exchanges.
    pub every_secs: u32,
}

impl Default for PublicSection {
    fn default() -> Self {
        PublicSection {
            folder: "public".to_owned(),
            inner: "127.0.0.1:8443".to_owned(),
            spool_mb: 2_048,
            secret: String::new(),
            seal_key: String::new(),
            open_key: String::new(),
            nodes: Vec::new(),
            url: String::new(),
            ca: String::new(),
            every_secs: 10,
        }
    }
}

/// `[territory]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TerritorySection {
    /// ISO 3166 codes of the countries inside; every other known one is outside.
    pub inside: Vec<String>,
}

impl Default for TerritorySection {
    fn default() -> Self {
        TerritorySection {
            inside: vec!["CN".to_owned()],
        }
    }
}

/// `[rating]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RatingSection {
    /// Name of a built-in profile, or path of a profile file.
    pub profile: String,
}

impl Default for RatingSection {
    fn default() -> Self {
        RatingSection {
            profile: "default".to_owned(),
        }
    }
}

/// `[ingest]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IngestSection {
    /// Parsing threads; 0 takes one a core.
    pub workers: u32,
}

/// `[query]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuerySection {
    /// Memory in MiB that a query or a week's statistics may use before they spill to disk.
    pub memory_mb: u32,
    /// Threads of a query; 0 takes one a core.
    pub threads: u32,
}

impl Default for QuerySection {
    fn default() -> Self {
        QuerySection {
            memory_mb: 1024,
            threads: 0,
        }
    }
}

/// `[response]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResponseSection {
    /// File with the rules of triage; empty: the built-in ones.
    pub rules: String,
    /// File with the routing table; empty: the built-in one.
    pub table: String,
    /// Who writes notices, in Chinese.
    pub name_zh: String,
    /// Who writes notices, in English.
    pub name_en: String,
    /// Mail address that notices come from and answers go to.
    pub address: String,
    /// Telephone that is printed in notices.
    pub phone: String,
    /// SMTP server that takes notices, as `smtp://host:25` or `smtps://user@host:465`; the password
    /// is in `WATCHFIRE_SMTP_PASSWORD`.
    pub smtp: String,
    /// Mailbox that complaints, answers and bounces come to, as `imaps://user@host/INBOX`; the password
    /// is in `WATCHFIRE_IMAP_PASSWORD`. Empty: nothing is fetched.
    pub imap: String,
    /// Seconds between two rounds of the serving process.
    pub round_secs: u32,
    /// File with the private key that signs mail for our domain (DKIM), PEM; empty: it is not signed.
    pub dkim_key: String,
    /// The key's selector.
    pub dkim_selector: String,
    /// The signing domain; empty: that of `address`.
    pub dkim_domain: String,
    /// File with the private key that signs notices (OpenPGP, armored); its passphrase is in
    /// `WATCHFIRE_PGP_PASSPHRASE`. Empty: they are not signed.
    pub pgp_key: String,
    /// File with the secrets of those who get notices by webhook, a line each: `host whsec_BASE64`.
    pub webhook_keys: String,
    /// Names, addresses and prefixes that webhooks may go to although they are private or this machine's.
    pub webhook_allow: Vec<String>,
    /// Folder of the channel `files`.
    pub files: String,
    /// Notices that go out in 24 hours at most.
    pub daily_most: u32,
    /// Notices that go to one party in 24 hours at most.
    pub party_most: u32,
    /// Notices with more incidents than this wait for a person.
    pub hold_over: u32,
    /// Names, addresses and prefixes that may be looked at although they are private or this machine's.
    pub probe_allow: Vec<String>,
    /// Name servers that looks ask, as `192.0.2.53` or `127.0.0.1:5353`; empty: the system's.
    pub resolvers: Vec<String>,
    /// Seconds between looks that count as independent.
    pub verify_interval_secs: i64,
    /// Schemes that incidents are graded by, as `guide-2025`; `guide-2025/II-yuan` takes a row that is
    /// not confirmed, `guide-2025/*` all of them. Empty: the confirmed rows of all schemes.
    pub grades: Vec<String>,
    /// Laws whose clocks start, as `cn-2025`; `nis2/*` takes duties that are not confirmed. Empty:
    /// `cn-2025`.
    pub laws: Vec<String>,
    /// Percent of an import's entries that may change without an approval.
    pub import_percent: u32,
    /// Whether registration data services (RDAP) are asked who answers for a name or an address; off for
    /// closed networks.
    pub rdap: bool,
    /// IANA's files dns.json, ipv4.json, ipv6.json and asn.json, which say who is asked.
    pub rdap_bootstrap: Vec<String>,
    /// Names, addresses and prefixes of such services that may be asked although they are private.
    pub rdap_allow: Vec<String>,
}

impl Default for ResponseSection {
    fn default() -> Self {
        ResponseSection {
            rules: String::new(),
            table: String::new(),
            name_zh: String::new(),
            name_en: String::new(),
            address: String::new(),
            phone: String::new(),
            smtp: String::new(),
            imap: String::new(),
            round_secs: 60,
            dkim_key: String::new(),
            dkim_selector: "watchfire".to_owned(),
            dkim_domain: String::new(),
            pgp_key: String::new(),
            webhook_keys: String::new(),
            webhook_allow: Vec::new(),
            files: "outbox".to_owned(),
            daily_most: 2_000,
            party_most: 50,
            hold_over: 100,
            probe_allow: Vec::new(),
            resolvers: Vec::new(),
            verify_interval_secs: 3600,
            grades: Vec::new(),
            laws: Vec::new(),
            import_percent: 10,
            rdap: false,
            rdap_bootstrap: Vec::new(),
            rdap_allow: Vec::new(),
        }
    }
}

/// `[lists]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListsSection {
    /// Whether there are block lists at all.
    pub enabled: bool,
    /// Folder of the published files.
    pub folder: String,
    /// Licence that the lists are published under.
    pub licence: String,
    /// Where whoever is listed wrongly turns to; empty: `response.address`.
    pub contact: String,
    /// Address of the form for that, as the site's page of the lists names it; empty: only the contact.
    pub form: String,
    /// Names (with all below them) and prefixes that are never listed, beside the warning lists.
    pub allow: Vec<String>,
    /// Days after the last verification for which an entry stands.
    pub days: u32,
    /// Per cent of a list that may be gone at once before its publication has to be accepted.
    pub drop_percent: u32,
}

impl Default for ListsSection {
    fn default() -> Self {
        ListsSection {
            enabled: false,
            folder: "lists".to_owned(),
            licence: "CC-BY-4.0".to_owned(),
            contact: String::new(),
            form: String::new(),
            allow: Vec::new(),
            days: 7,
            drop_percent: 30,
        }
    }
}

/// `[subscribers]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubscribersSection {
    /// Address under which subscribers reach the HTTP interface, as `https://cert.example`; empty: they
    /// confirm and leave by mail.
    pub base: String,
    /// Address of the public site, which the edition links to.
    pub home: String,
}

/// `[duty]`: alarms, and whom they reach beside those on the roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DutySection {
    /// Address under which the console is reached, for links in mails: `https://watchfire.cert.example`.
    pub base: String,
    /// Language of alarms, `zh` or `en`.
    pub language: String,
    /// Mail addresses that are told while nobody with an address is on duty.
    pub mail: Vec<String>,
    /// Mail addresses that are told of what nobody took up.
    pub lead_mail: Vec<String>,
    /// Address that alarms are posted to, signed as Standard Webhooks; empty for none.
    pub webhook: String,
    /// File that holds its secret, `whsec_...`; relative to the workspace.
    pub webhook_secret: String,
    /// Address of a gateway for short messages, with `{to}` and `{text}`; empty for none. A token in
    /// WATCHFIRE_GATEWAY_TOKEN goes with it as `Authorization: Bearer`.
    pub gateway: String,
    /// JSON document that is posted to it, with `{to}` and `{text}` within strings; empty: it is asked by GET.
    pub gateway_json: String,
    /// Numbers that are told.
    pub gateway_to: Vec<String>,
    /// Numbers that are told of what nobody took up.
    pub gateway_lead_to: Vec<String>,
    /// Minutes after which an alarm that nobody took up climbs; 0: never.
    pub climb_minutes: u32,
    /// Hours in which only high and critical alarms leave, as `22:00-07:00`; empty for none.
    pub quiet: String,
    /// Address that is asked while all is well: who watches there rings when it falls silent. Empty for none.
    pub dead_man_url: String,
    /// Seconds between two such signs of life.
    pub dead_man_secs: u32,
    /// Per cent of free disk under which it rings.
    pub disk_percent: u32,
    /// Intervals without a good answer after which a feed rings.
    pub feed_intervals: u32,
    /// Notices that come back within an hour, from which on it rings.
    pub bounces: u32,
    /// Hours before the deadline of an issue at which it rings while it is not out.
    pub bulletin_hours: u32,
}

impl Default for DutySection {
    fn default() -> Self {
        DutySection {
            base: String::new(),
            language: "zh".to_owned(),
            mail: Vec::new(),
            lead_mail: Vec::new(),
            webhook: String::new(),
            webhook_secret: String::new(),
            gateway: String::new(),
            gateway_json: String::new(),
            gateway_to: Vec::new(),
            gateway_lead_to: Vec::new(),
            climb_minutes: 15,
            quiet: String::new(),
            dead_man_url: String::new(),
            dead_man_secs: 60,
            disk_percent: 10,
            feed_intervals: 3,
            bounces: 20,
            bulletin_hours: 24,
        }
    }
}

/// `[serve]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServeSection {
    /// What this node does: `all`, or of a cluster `console`, `worker`, `scheduler`, several with commas.
    pub role: String,
    /// Seconds after which a node of a cluster that says nothing loses its work to another.
    pub lease_secs: u32,
    /// Address and port of the HTTP interface; changed only by a restart.
    pub listen: String,
    /// Feeds that are asked at the same time.
    pub fetches: u32,
    /// Seconds between two looks into the feeds' folders.
    pub look_secs: u32,
    /// Seconds that work under way gets when the process is told to stop.
    pub drain_secs: u32,
    /// Seconds between two looks whether days of the lake are to be compacted; 0: never by itself.
    pub upkeep_secs: u32,
    /// MiB of one pushed report, before and after decompression.
    pub push_mb: u32,
    /// Pushed reports a minute and token.
    pub pushes_per_minute: u32,
    /// Archived reports that may wait to be taken in before more are refused.
    pub most_waiting: u32,
    /// Calls a minute and token of the API.
    pub calls_per_minute: u32,
    /// File with the certificate and its chain, PEM; with `tls_key` connections are taken over TLS.
    pub tls_cert: String,
    /// File with its private key, PEM, without a passphrase.
    pub tls_key: String,
    /// Addresses of proxies in front, whose `X-Forwarded-For` is believed.
    pub proxies: Vec<String>,
}

impl Default for ServeSection {
    fn default() -> Self {
        ServeSection {
            role: "all".to_owned(),
            lease_secs: 60,
            listen: "127.0.0.1:8080".to_owned(),
            fetches: 4,
            look_secs: 5,
            drain_secs: 30,
            upkeep_secs: 3600,
            push_mb: 256,
            pushes_per_minute: 600,
            most_waiting: 10_000,
            calls_per_minute: 600,
            tls_cert: String::new(),
            tls_key: String::new(),
            proxies: Vec::new(),
        }
    }
}

/// `[sign_in]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignInSection {
    /// Roles that need a second factor, from the moment when the first account in one of them has one.
    pub second_factor: Vec<String>,
    /// File of passwords that are known from breaches: sorted SHA-1 in hexadecimal, or the passwords; empty: none.
    pub breached: String,
    /// Minutes for which a password or a code that was shown counts before acts of weight; 0: asked before each.
    pub proof_minutes: u32,
    /// File of the key that secrets of second factors are sealed with; made at the first start, mode 0600.
    pub key_file: String,
    /// Address of the console as browsers write it, as `https://console.cert.example`; a provider sends them back
    /// there.
    pub base: String,
    /// Issuer of a provider (OpenID Connect) that people may sign in through; empty: none. The client's secret is in
    /// `WATCHFIRE_OIDC_SECRET`.
    pub oidc_issuer: String,
    /// What we are called there.
    pub oidc_client: String,
    /// What the button says.
    pub oidc_name: String,
    /// The claim that holds the login.
    pub oidc_claim: String,
    /// Roles of accounts that are made for whoever comes; empty: an administrator makes accounts.
    pub oidc_roles: Vec<String>,
    /// Names, addresses and prefixes of the provider that may be asked although they are private.
    pub oidc_allow: Vec<String>,
}

impl Default for SignInSection {
    fn default() -> Self {
        SignInSection {
            second_factor: vec!["administrator".to_owned(), "approver".to_owned()],
            breached: String::new(),
            proof_minutes: 10,
            key_file: "second-factors.key".to_owned(),
            base: String::new(),
            oidc_issuer: String::new(),
            oidc_client: String::new(),
            oidc_name: "OpenID Connect".to_owned(),
            oidc_claim: "preferred_username".to_owned(),
            oidc_roles: Vec::new(),
            oidc_allow: Vec::new(),
        }
    }
}

/// `[ledger]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LedgerSection {
    /// `postgres://USER@HOST/DATABASE`; empty for SQLite in the workspace. `${NAME}` is replaced.
    pub url: String,
}

/// `[lake]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LakeSection {
    /// `s3://BUCKET/PREFIX`; empty for the folder of the workspace. `${NAME}` is replaced, here and in all keys below.
    pub url: String,
    /// `https://HOST[:PORT]` of a store other than Amazon's.
    pub endpoint: String,
    /// Region; empty where the store does not care.
    pub region: String,
    /// Key id; empty where the machine's role gives one.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
    /// File that holds the secret, relative to the workspace.
    pub secret_file: String,
    /// Megabytes of files that are kept here although the store has them.
    pub cache_mb: u64,
}

impl Default for LakeSection {
    fn default() -> Self {
        LakeSection {
            url: String::new(),
            endpoint: String::new(),
            region: String::new(),
            access_key: String::new(),
            secret_key: String::new(),
            secret_file: String::new(),
            cache_mb: 16_384,
        }
    }
}

/// `[engine]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineSection {
    /// Executors, `https://HOST:PORT`, with commas between; empty: every query runs in this process. `http` goes in
    /// clear, and only where no file below is named.
    pub url: String,
    /// The secret that this node and the executors share. `${NAME}` is replaced.
    pub token: String,
    /// File with this node's certificate and its chain, PEM: an executor takes callers over TLS by it, who asks shows it.
    pub tls_cert: String,
    /// File with its private key, PEM.
    pub tls_key: String,
    /// File with the certificates that the other side is known by; empty: executors by the system's, callers by the
    /// token alone.
    pub ca: String,
    /// Rows of live parts from which a query goes to the executors.
    pub min_rows: u64,
    /// Seconds that an attempt on the executors may take.
    pub deadline_secs: u64,
}

impl Default for EngineSection {
    fn default() -> Self {
        EngineSection {
            url: String::new(),
            token: String::new(),
            tls_cert: String::new(),
            tls_key: String::new(),
            ca: String::new(),
            min_rows: 5_000_000,
            deadline_secs: 120,
        }
    }
}

/// `[site]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SiteSection {
    /// Where the site is served, `https://cert.example/`; without it there are no feeds and no sitemap.
    pub base_url: String,
    /// Authority and date of the feeds' identifiers, `cert.example,2026`; never changed once it is public.
    pub feed_tag: String,
    /// Identifier of the licence of the figures, as `CC-BY-4.0`.
    pub licence: String,
    /// The licence as printed.
    pub licence_title: String,
    /// Its text.
    pub licence_url: String,
    /// Mail or web address for readers.
    pub contact: String,
    /// Whom to tell of a hole in the site (RFC 9116): `mailto:` or `https:` address.
    pub security_contact: String,
    /// Last day of that word, `YYYY-MM-DD`.
    pub security_expires: String,
}

/// `[fonts]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FontsSection {
    /// Folders searched before those of the system; `${NAME}` is replaced.
    pub dirs: Vec<String>,
}

/// One `[[reference]]`: files of a kind, imported on the first ingest and whenever they change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceEntry {
    /// Kind of the files, see `watchfire reference import --help`.
    pub kind: String,
    /// Glob patterns relative to the workspace; `${NAME}` is replaced from the environment.
    pub paths: Vec<String>,
    /// Files to leave out.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Name for people. Where the entry is a single file of a kind whose file names mean nothing, the
    /// table goes by it.
    #[serde(default)]
    pub name: Option<String>,
    /// Order among the sources of one field of an address: the lower is asked first; without it,
    /// the kind's own.
    #[serde(default)]
    pub rank: Option<u16>,
    /// Licence of the data.
    #[serde(default)]
    pub licence: String,
    /// Terms or a remark in a sentence.
    #[serde(default)]
    pub terms: String,
}

/// One `[[retention]]`: how long something is kept. Of those for the same thing the first that matches
/// decides; a legal hold wins over all.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionEntry {
    /// Unique name, which what it takes away is recorded under.
    pub name: String,
    /// `events`, `raw` (the bytes of reports as delivered) or `rejects`.
    pub what: String,
    /// Feeds, as glob patterns; none means all.
    #[serde(default)]
    pub feeds: Vec<String>,
    /// RSIT entries of events; none means all.
    #[serde(default)]
    pub classes: Vec<String>,
    /// TLP 2.0 labels of events; none means all, an event without a label among them.
    #[serde(default)]
    pub tlp: Vec<String>,
    /// Days that are kept: of events by the UTC day they were observed on, else by the day of receipt.
    pub keep_days: u32,
}

/// One `[[vantage]]`: a process `watchfire vantage` elsewhere that looks for this one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VantageEntry {
    /// Unique name, under which its looks are stored.
    pub name: String,
    /// Address of its door, `https://HOST:PORT`.
    pub url: String,
    /// The secret that both sides hold. `${NAME}` is replaced.
    #[serde(default)]
    pub secret: String,
    /// File that holds the secret, relative to the workspace.
    #[serde(default)]
    pub secret_file: String,
    /// File with the certificates that it is known by, PEM; empty: the system's.
    #[serde(default)]
    pub ca: String,
    /// As whom it can ask for pages: `plain`, `victim`; empty: both.
    #[serde(default)]
    pub clients: Vec<String>,
}
