//! Who can act: organizations, their roles and contacts, and what they answer for (DOMAIN 5.1,
//! STANDARDS A3).

use crate::worded::worded;

worded! {
    /// What an organization can do for a case; one may hold several.
    Role ("role") {
        /// Rents machines.
        CloudProvider = "cloud-provider", "云服务商", "Cloud provider";
        /// Sells names.
        Registrar = "registrar", "域名注册机构", "Registrar";
        /// Keeps the names of a top-level domain.
        Registry = "registry", "域名注册管理机构", "Registry";
        /// Offers apps or files.
        AppPlatform = "app-platform", "应用平台", "App platform";
        /// A branch in a province.
        ProvincialBranch = "provincial-branch", "分中心", "Provincial branch";
        /// A CERT abroad.
        OverseasCert = "overseas-cert", "境外应急组织", "Overseas CERT";
        /// Runs a network.
        NetworkOperator = "network-operator", "基础电信企业", "Network operator";
        /// Runs a site.
        SiteOwner = "site-owner", "网站主办方", "Site owner";
        /// The CERT of the universities.
        EducationCert = "education-cert", "教育行业应急组织", "Education CERT";
        /// The CERT of a sector.
        SectorCert = "sector-cert", "行业应急组织", "Sector CERT";
        /// Reports and does not act.
        Reporter = "reporter", "举报方", "Reporter";
    }

    /// What an organization answers for.
    Scope ("scope of responsibility") {
        /// Addresses: CIDR.
        Prefix = "prefix", "地址段", "prefix";
        /// An autonomous system: its number.
        Asn = "asn", "自治系统", "autonomous system";
        /// A name and what is below it.
        Domain = "domain", "域名", "domain";
        /// A top-level domain, without the dot.
        Tld = "tld", "顶级域", "top-level domain";
        /// A registrar: its IANA id.
        RegistrarId = "registrar-id", "注册商编号", "registrar id";
        /// An app platform: the registrable domain it offers files at.
        Platform = "platform", "应用平台域名", "platform domain";
        /// A province: GB/T 2260 code.
        Province = "province", "省份", "province";
        /// A country: ISO 3166 code of two letters.
        Country = "country", "国家和地区", "country";
    }

    /// How a contact is reached.
    Channel ("channel") {
        /// Mail by SMTP.
        Mail = "mail", "邮件", "mail";
        /// A signed HTTP POST.
        Webhook = "webhook", "接口推送", "webhook";
        /// Files in a folder that the party collects.
        Files = "files", "文件", "files";
        /// A person uses a form, telephone, messenger or fax.
        Manual = "manual", "人工", "by hand";
    }

    /// Machine-readable attachment a party wants beside the text.
    NoticeFormat ("format of notices") {
        /// The table as CSV.
        Csv = "csv", "CSV", "CSV";
        /// Abuse Reporting Format, RFC 5965.
        Arf = "arf", "ARF", "ARF";
        /// X-ARF version 4.
        Xarf = "xarf", "X-ARF", "X-ARF";
        /// IODEF version 2, RFC 7970.
        Iodef = "iodef", "IODEF", "IODEF";
        /// STIX 2.1 bundle.
        Stix = "stix", "STIX", "STIX";
    }

    /// Where a contact was found, best first (STANDARDS A3): a bounce moves down one rung.
    Rung ("rung of contacts") {
        /// Agreed with the party or entered by a person.
        Agreed = "agreed", "约定", "agreed";
        /// Abuse contact of the registration data.
        Rdap = "rdap", "RDAP", "RDAP";
        /// A contact database that is asked by DNS.
        ContactDb = "contact-db", "联系库", "contact database";
        /// The site's security.txt, RFC 9116.
        SecurityTxt = "security-txt", "security.txt", "security.txt";
        /// A mailbox that RFC 2142 reserves.
        Mailbox = "mailbox", "约定邮箱", "reserved mailbox";
    }

    /// How far an organization is trusted with what others told.
    Trust ("trust") {
        /// As usual.
        Normal = "normal", "正常", "normal";
        /// Gets no reporter's or victim's data.
        Untrusted = "untrusted", "不受信任", "untrusted";
        /// Its mailbox or system is in wrong hands: gets neither.
        Compromised = "compromised", "已被入侵", "compromised";
    }
}

impl Trust {
    /// Whether it may see who reported and who suffers.
    pub fn sees_people(self) -> bool {
        self == Trust::Normal
    }
}
