//! What values and columns of events are called, and what is wrong with a query, in both languages.

use lake::search::{Key, QueryError, Value};
use model::bulletin::Lang;

use crate::almanac::Names;

fn of(pair: (&'static str, &'static str), lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => pair.0,
        Lang::En => pair.1,
    }
}

/// Entries of RSIT, and those of IntelMQ's, by their stored spelling.
const CLASSES: &[(&str, &str, &str)] = &[
    ("spam", "垃圾邮件", "Spam"),
    ("harmful-speech", "有害言论", "Harmful speech"),
    ("violence", "暴力与儿童侵害内容", "Violence"),
    ("infected-system", "受感染主机", "Infected system"),
    ("c2-server", "控制服务器", "C2 server"),
    (
        "malware-distribution",
        "恶意程序传播",
        "Malware distribution",
    ),
    (
        "malware-configuration",
        "恶意程序配置",
        "Malware configuration",
    ),
    ("scanner", "扫描", "Scanning"),
    ("sniffing", "嗅探", "Sniffing"),
    ("social-engineering", "社会工程", "Social engineering"),
    ("ids-alert", "入侵检测告警", "IDS alert"),
    ("brute-force", "口令暴力尝试", "Brute force"),
    ("exploit", "新型漏洞利用", "New exploit"),
    (
        "privileged-account-compromise",
        "特权账户失陷",
        "Privileged account compromise",
    ),
    (
        "unprivileged-account-compromise",
        "普通账户失陷",
        "Account compromise",
    ),
    (
        "application-compromise",
        "应用失陷",
        "Application compromise",
    ),
    ("system-compromise", "系统失陷", "System compromise"),
    ("burglary", "物理入侵", "Burglary"),
    ("dos", "拒绝服务", "Denial of service"),
    ("ddos", "分布式拒绝服务", "DDoS"),
    ("misconfiguration", "配置错误", "Misconfiguration"),
    ("sabotage", "破坏", "Sabotage"),
    ("outage", "中断", "Outage"),
    (
        "unauthorised-information-access",
        "信息非授权访问",
        "Unauthorised access",
    ),
    (
        "unauthorised-information-modification",
        "网页篡改",
        "Defacement",
    ),
    ("data-loss", "数据丢失", "Data loss"),
    ("data-leak", "数据泄露", "Data leak"),
    (
        "unauthorised-use-of-resources",
        "资源滥用",
        "Unauthorised use",
    ),
    ("copyright", "侵犯版权", "Copyright"),
    ("masquerade", "身份冒用", "Masquerade"),
    ("phishing", "网页仿冒", "Phishing"),
    ("weak-crypto", "弱加密", "Weak cryptography"),
    ("ddos-amplifier", "DDoS 放大源", "DDoS amplifier"),
    (
        "potentially-unwanted-accessible",
        "不当开放的服务",
        "Unwanted open service",
    ),
    (
        "information-disclosure",
        "信息暴露",
        "Information disclosure",
    ),
    ("vulnerable-system", "存在漏洞的系统", "Vulnerable system"),
    ("other", "其他", "Other"),
    ("undetermined", "未判定", "Undetermined"),
    ("test", "测试", "Test"),
    ("blocklist", "黑名单条目", "Blocklist entry"),
    ("dga-domain", "DGA 域名", "DGA domain"),
    ("malware", "恶意程序", "Malware"),
    ("proxy", "代理", "Proxy"),
    ("tor", "Tor 节点", "Tor"),
];

/// Name of a classification; its own spelling where it has none.
pub(crate) fn class(name: &str, lang: Lang) -> &str {
    let found = CLASSES
        .iter()
        .find(|(known, ..)| known.eq_ignore_ascii_case(name));
    found.map_or(name, |(_, zh, en)| of((zh, en), lang))
}

/// Name of a key as chips and facets carry it.
pub(super) fn key(key: Key, lang: Lang) -> &'static str {
    of(
        match key {
            Key::Text => ("包含", "contains"),
            Key::Class => ("类型", "Class"),
            Key::Identifier => ("细分类型", "Identifier"),
            Key::Ip => ("地址", "Address"),
            Key::Destination => ("对端地址", "Counterpart"),
            Key::Asn => ("网络", "Network"),
            Key::Province => ("省份", "Province"),
            Key::City => ("城市", "City"),
            Key::Country => ("国家或地区", "Country"),
            Key::Territory => ("境内外", "Territory"),
            Key::Feed => ("数据源", "Feed"),
            Key::Report => ("报告", "Report"),
            Key::Malware => ("恶意程序", "Malware"),
            Key::Url => ("URL 包含", "URL contains"),
            Key::Host => ("主机名", "Host"),
            Key::Domain => ("域名", "Domain"),
            Key::Tld => ("顶级域", "Top-level domain"),
            Key::Brand => ("被仿冒品牌", "Brand"),
            Key::Sector => ("行业", "Sector"),
            Key::Holder => ("地址持有者", "Holder"),
            Key::Port => ("端口", "Port"),
            Key::Severity => ("严重程度", "Severity"),
            Key::Tag => ("标签", "Tag"),
            Key::Vulnerability => ("漏洞", "Vulnerability"),
            Key::Hash => ("样本哈希", "Hash"),
            Key::Tlp => ("TLP 标记", "TLP marking"),
            Key::Warning => ("警示名单", "Warning list"),
        },
        lang,
    )
}

/// A value as chips and facets show it.
pub(super) fn value(key: Key, value: &Value, names: &Names, lang: Lang) -> String {
    match (key, value) {
        (_, Value::Any) => of(("有值", "any"), lang).to_owned(),
        (_, Value::None) => of(("无", "none"), lang).to_owned(),
        (
            Key::Class,
            Value::Text {
                text,
                before: false,
                after: false,
            },
        ) => class(text, lang).to_owned(),
        (Key::Province, Value::Number(code)) => province(*code, names, lang),
        (Key::Territory, Value::Number(1)) => of(("境内", "inside"), lang).to_owned(),
        (Key::Territory, _) => of(("境外", "outside"), lang).to_owned(),
        (
            Key::Sector,
            Value::Text {
                text,
                before: false,
                after: false,
            },
        ) => names
            .sectors
            .get(text)
            .map_or_else(|| text.clone(), |name| name.get(lang).to_owned()),
        (key, value) => lake::search::query::printed(key, value),
    }
}

/// Name of a province; its code where no table names it.
pub(crate) fn province(code: i64, names: &Names, lang: Lang) -> String {
    let named = u32::try_from(code)
        .ok()
        .and_then(|code| names.provinces.get(&code));
    named.map_or_else(|| format!("{code:06}"), |name| name.get(lang).to_owned())
}

/// What is wrong with a query, and how it is written.
pub(super) fn wrong(error: &QueryError, lang: Lang) -> String {
    if lang == Lang::En {
        return error.to_string();
    }
    match error {
        QueryError::Key { at, key, near } => {
            let near = near.map_or_else(String::new, |near| format!("，是否想写 {near}:"));
            format!("第 {at} 个字符：没有“{key}”这个条件{near}")
        }
        QueryError::Value {
            at,
            key,
            value,
            example,
        } => {
            format!("第 {at} 个字符：“{value}”不是 {key} 的取值，写法如 {key}:{example}")
        }
        QueryError::Quote { at } => format!("第 {at} 个字符：引号没有成对"),
        QueryError::Behind { at } => format!("第 {at} 个字符：引号后面应有空格或逗号"),
        QueryError::Star { at } => {
            format!("第 {at} 个字符：* 只能写在取值的开头或结尾；字面的 * 请加引号")
        }
        QueryError::Empty { at, key, example } => {
            format!("第 {at} 个字符：{key}: 后面没有取值，写法如 {key}:{example}")
        }
        QueryError::Time { at } => {
            format!(
                "第 {at} 个字符：时间只写一次，写法如 observed:2026-11-16..2026-11-22 或 observed:7d"
            )
        }
        QueryError::Reversed { at } => format!("第 {at} 个字符：结束时间早于开始时间"),
        QueryError::Large => "查询过长，或取值过多".to_owned(),
    }
}

/// Every column of an event: group, name and meaning. Groups: 0 what happened, 1 where, 2 who and what is behind,
/// 3 what our own tables add, 4 where it was read.
pub(super) const COLUMNS: &[(&str, u8, &str, &str)] = &[
    (
        "observed_at",
        0,
        "数据源观察到的时间",
        "When the source observed it",
    ),
    ("class_type", 0, "类型（RSIT）", "Class (RSIT)"),
    (
        "class_identifier",
        0,
        "数据源自己的细分类型",
        "The source's own finer name",
    ),
    ("malware_name", 0, "恶意程序名称", "Malware"),
    ("malware_version", 0, "恶意程序版本", "Malware version"),
    (
        "severity",
        0,
        "数据源给出的严重程度",
        "Severity as the source states it",
    ),
    ("description", 0, "说明", "Description"),
    (
        "status",
        0,
        "数据源给出的状态",
        "Status as the source states it",
    ),
    ("tags", 0, "数据源的标签", "Tags of the source"),
    ("tlp", 0, "TLP 标记", "TLP marking"),
    (
        "feed_accuracy",
        0,
        "数据源的可信度，0 至 100",
        "Confidence of the source, 0 to 100",
    ),
    ("comment", 0, "数据源的备注", "Comment of the source"),
    (
        "source_ip",
        1,
        "受影响或作恶的地址",
        "The affected or offending address",
    ),
    ("source_port", 1, "端口", "Port"),
    ("source_host", 1, "主机名", "Host name"),
    ("source_url", 1, "URL", "URL"),
    ("source_url_path", 1, "URL 路径", "Path of the URL"),
    ("source_network", 1, "网段", "Network"),
    (
        "source_asn",
        1,
        "AS 号（数据源所述）",
        "AS number as the source states it",
    ),
    (
        "source_as_name",
        1,
        "AS 名称（数据源所述）",
        "AS name as the source states it",
    ),
    (
        "source_country",
        1,
        "国家或地区（数据源所述）",
        "Country as the source states it",
    ),
    (
        "source_region",
        1,
        "地区（数据源所述）",
        "Region as the source states it",
    ),
    (
        "source_city",
        1,
        "城市（数据源所述）",
        "City as the source states it",
    ),
    ("source_reverse_dns", 1, "反向域名", "Reverse DNS name"),
    ("source_account", 1, "账户", "Account"),
    (
        "source_local_hostname",
        1,
        "内网主机名",
        "Name of the host inside its network",
    ),
    (
        "source_local_ip",
        1,
        "内网地址",
        "Address of the host inside its network",
    ),
    (
        "source_abuse_contact",
        1,
        "投诉联系人（数据源所述）",
        "Abuse contact as the source states it",
    ),
    (
        "destination_ip",
        1,
        "对端地址：沉洞、目标或控制服务器",
        "The counterpart: sinkhole, target or control server",
    ),
    ("destination_port", 1, "对端端口", "Port of the counterpart"),
    (
        "destination_host",
        1,
        "对端主机名",
        "Host name of the counterpart",
    ),
    ("destination_url", 1, "对端 URL", "URL of the counterpart"),
    (
        "destination_network",
        1,
        "对端网段",
        "Network of the counterpart",
    ),
    (
        "destination_asn",
        1,
        "对端 AS 号",
        "AS number of the counterpart",
    ),
    (
        "destination_as_name",
        1,
        "对端 AS 名称",
        "AS name of the counterpart",
    ),
    (
        "destination_country",
        1,
        "对端国家或地区",
        "Country of the counterpart",
    ),
    (
        "destination_region",
        1,
        "对端地区",
        "Region of the counterpart",
    ),
    ("destination_city", 1, "对端城市", "City of the counterpart"),
    (
        "destination_reverse_dns",
        1,
        "对端反向域名",
        "Reverse DNS name of the counterpart",
    ),
    (
        "destination_account",
        1,
        "对端账户",
        "Account of the counterpart",
    ),
    ("protocol_transport", 1, "传输协议", "Transport protocol"),
    (
        "protocol_application",
        1,
        "应用协议",
        "Application protocol",
    ),
    (
        "target",
        2,
        "仿冒或针对的对象（数据源所述）",
        "Whom it imitates or aims at, in the source's words",
    ),
    ("hash_md5", 2, "样本 MD5", "MD5 of the sample"),
    ("hash_sha1", 2, "样本 SHA-1", "SHA-1 of the sample"),
    ("hash_sha256", 2, "样本 SHA-256", "SHA-256 of the sample"),
    (
        "product_full_name",
        2,
        "产品（数据源所述）",
        "Product in the source's words",
    ),
    ("product_vendor", 2, "厂商", "Vendor"),
    ("product_name", 2, "产品", "Product"),
    ("product_version", 2, "产品版本", "Product version"),
    ("vulnerabilities", 2, "相关漏洞", "Vulnerabilities"),
    ("vulnerability_id", 2, "漏洞编号", "Vulnerability id"),
    (
        "object_type",
        2,
        "漏洞影响对象类型",
        "Kind of object that is affected",
    ),
    (
        "app_package",
        2,
        "移动应用包名",
        "Package of the mobile app",
    ),
    (
        "certificate",
        2,
        "证书指纹",
        "Fingerprint of the certificate",
    ),
    (
        "reporter",
        2,
        "数据源内的报告人",
        "Who reported it inside the source",
    ),
    ("reference_url", 2, "说明所在网址", "Where it is described"),
    (
        "screenshot_url",
        2,
        "截图所在网址",
        "Where a screenshot is kept",
    ),
    ("country", 3, "地址所在国家或地区", "Country of the address"),
    ("province", 3, "省份", "Province"),
    ("city", 3, "城市", "City"),
    ("asn", 3, "AS 号", "AS number"),
    (
        "holder",
        3,
        "地址持有者（运营商、云）",
        "Holder of the address (operator, cloud)",
    ),
    (
        "host",
        3,
        "URL 中的主机，或主机名",
        "Host of the URL, or the host name",
    ),
    ("domain", 3, "注册域名", "Registrable domain"),
    ("tld", 3, "顶级域", "Top-level domain"),
    (
        "territory",
        3,
        "地址在境内或境外",
        "Whether the address lies inside the territory",
    ),
    (
        "domain_territory",
        3,
        "域名在境内或境外注册",
        "Whether the domain is registered inside",
    ),
    (
        "target_territory",
        3,
        "被仿冒对象属境内或境外",
        "Whether the imitated party belongs inside",
    ),
    ("brand", 3, "被仿冒品牌", "Imitated brand"),
    ("sector", 3, "品牌所属行业", "Sector of the brand"),
    ("owner_class", 3, "网站主体", "Owner of the site"),
    (
        "warning",
        3,
        "列入的警示名单（不计入统计）",
        "Warning list that names it (such an event is not counted)",
    ),
    ("event_id", 4, "编号", "Identity"),
    ("feed", 4, "数据源", "Feed"),
    ("report", 4, "报告", "Report"),
    (
        "member",
        4,
        "压缩包内文件序号",
        "File within the archive, from 0",
    ),
    ("line", 4, "报告中的行号", "Line in the report"),
    ("offset", 4, "字节位置", "Byte offset"),
    ("length", 4, "字节长度", "Length in bytes"),
    ("received_at", 4, "收到时间", "When it was received"),
    (
        "source_schema",
        4,
        "数据源格式版本",
        "Version of the source's schema",
    ),
    ("extra", 4, "数据源的其余内容", "What else the source said"),
];

/// What a column is called.
pub(super) fn column(name: &str, lang: Lang) -> &str {
    let found = COLUMNS.iter().find(|(known, ..)| *known == name);
    found.map_or(name, |(_, _, zh, en)| of((zh, en), lang))
}

/// A coded number in words.
pub(super) fn coded(column: &str, number: i64, lang: Lang) -> Option<&'static str> {
    let pair = match (column, number) {
        ("territory" | "domain_territory" | "target_territory", 1) => ("境内", "inside"),
        ("territory" | "domain_territory" | "target_territory", 2) => ("境外", "outside"),
        ("owner_class", 1) => ("政府机构", "government"),
        ("owner_class", 2) => ("教育机构", "education"),
        ("owner_class", 3) => ("银行", "bank"),
        _ => return None,
    };
    Some(of(pair, lang))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_and_class_has_its_words() {
        for field in lake::schema::SCHEMA.fields() {
            let known = COLUMNS
                .iter()
                .filter(|(name, ..)| name == field.name())
                .count();
            assert_eq!(known, 1, "{}", field.name());
        }
        assert_eq!(COLUMNS.len(), lake::schema::COLUMN_COUNT);
        for spec in model::classification::TYPES {
            assert!(
                CLASSES.iter().any(|(name, ..)| *name == spec.name),
                "{}",
                spec.name
            );
        }
    }
}
