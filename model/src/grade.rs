//! Words of grading: what a scheme asks of an incident (DOMAIN 4.3), and who must report (DOMAIN 4.4).

use serde::{Deserialize, Serialize};

use crate::worded::worded;

worded! {
    /// Importance of the affected system, from the least (GB/Z 20986-2007).
    Importance ("importance of a system") {
        /// A system of local use.
        General = "general", "一般", "general";
        /// A system many depend on.
        Important = "important", "重要", "important";
        /// A system the nation depends on.
        EspeciallyImportant = "especially-important", "特别重要", "especially important";
    }

    /// Loss of the affected system, from the least (GB/Z 20986-2007).
    Loss ("loss of a system") {
        /// Little is lost.
        Small = "small", "较小", "small";
        /// Part of the work stands still.
        Larger = "larger", "较大", "larger";
        /// Most of the work stands still for long.
        Severe = "severe", "严重", "severe";
        /// The work stands still, and repair costs the utmost.
        EspeciallySevere = "especially-severe", "特别严重", "especially severe";
    }

    /// How far an outage or an outbreak reaches, from the least.
    Extent ("extent") {
        /// One city.
        City = "city", "一个地市", "one city";
        /// One province.
        Province = "province", "一个省", "one province";
        /// Several provinces.
        SeveralProvinces = "several-provinces", "多个省", "several provinces";
        /// The nation.
        Nation = "nation", "全国", "nation";
    }

    /// What is measured.
    Measure ("measure") {
        /// Persons whose data got out.
        PersonsData = "persons-data", "泄露个人信息人数", "persons whose data got out";
        /// People whose daily life is affected.
        PeopleAffected = "people-affected", "影响人数", "people affected";
        /// Percent of a province's people that are affected.
        ProvincePercent = "province-percent", "影响单个省人口比例", "percent of a province";
        /// Percent of a city's people that are affected.
        CityPercent = "city-percent", "影响单个地市人口比例", "percent of a city";
        /// Direct loss, yuan.
        Yuan = "yuan", "直接经济损失（元）", "direct loss, yuan";
        /// Minutes that a provincial or higher portal, or a central news site, was down.
        PortalMinutes = "portal-minutes", "门户网站中断分钟数", "minutes a portal was down";
        /// Minutes that critical infrastructure was wholly down.
        InfrastructureMinutes = "infrastructure-minutes", "关键信息基础设施整体中断分钟数", "minutes infrastructure was wholly down";
        /// Minutes that a main function of critical infrastructure was down.
        FunctionMinutes = "function-minutes", "关键信息基础设施主要功能中断分钟数", "minutes a main function was down";
        /// Minutes that a changed home page was shown.
        HomePageMinutes = "home-page-minutes", "首页被篡改分钟数", "minutes a home page was defaced";
        /// Minutes that another changed page was shown.
        PageMinutes = "page-minutes", "其他网页被篡改分钟数", "minutes another page was defaced";
        /// Times the changed content was forwarded.
        Forwards = "forwards", "转发次数", "forwards";
        /// Times the changed content was seen.
        Views = "views", "浏览次数", "views";
    }

    /// What is so or not.
    Mark ("mark") {
        /// Many users cannot use the internet.
        Outage = "outage", "大量用户无法上网", "outage of the internet";
        /// Malware breaks out on a large scale.
        Outbreak = "outbreak", "网络病毒大面积爆发", "outbreak of malware";
        /// Names under .CN are not resolved.
        CnResolutionDown = "cn-resolution-down", "国家顶级域名解析异常", ".CN is not resolved";
        /// Core or important data got out, with an especially severe threat.
        ImportantData = "important-data", "核心或重要数据受特别严重威胁", "especially severe threat to core or important data";
        /// An authority found that changed content spread very widely.
        WideByAuthority = "wide-by-authority", "主管部门认定传播范围特别广", "found by authority to have spread very widely";
    }

    /// How well a row of a legal table is known.
    Standing ("standing of a row") {
        /// Read at the source that is named.
        Confirmed = "confirmed", "已核对", "confirmed";
        /// Remembered, to be checked against the official text.
        Remembered = "remembered", "待核对", "remembered, not checked";
        /// Not known.
        Unknown = "unknown", "不详", "not known";
    }

    /// Who must report an incident.
    Operator ("operator") {
        /// An operator of critical information infrastructure.
        CriticalInfrastructure = "critical-infrastructure", "关键信息基础设施运营者", "critical infrastructure";
        /// A central or state organ.
        StateOrgan = "state-organ", "中央和国家机关", "central and state organs";
        /// Any other operator of a network.
        Other = "other", "其他网络运营者", "others";
    }
}

/// A grade: 1 特别重大, 2 重大, 3 较大, 4 一般; the smaller is the graver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Grade(u8);

/// A number is no grade.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no grade: 1 (特别重大) to 4 (一般)")]
pub struct NoGrade(pub u8);

impl Grade {
    /// The grade of a number from 1 to 4.
    ///
    /// # Errors
    /// Another number.
    pub fn new(number: u8) -> Result<Self, NoGrade> {
        match number {
            1..=4 => Ok(Grade(number)),
            _ => Err(NoGrade(number)),
        }
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Whether it is as grave as `other`, or graver.
    pub fn reaches(self, other: Grade) -> bool {
        self.0 <= other.0
    }

    /// Its Chinese name.
    pub fn zh(self) -> &'static str {
        ["特别重大", "重大", "较大", "一般"][usize::from(self.0 - 1)]
    }

    /// Its Roman number, as plans print it.
    pub fn roman(self) -> &'static str {
        ["I", "II", "III", "IV"][usize::from(self.0 - 1)]
    }

    /// The color of its warning (MIIT plan of 2017).
    pub fn color(self) -> &'static str {
        ["red", "orange", "yellow", "blue"][usize::from(self.0 - 1)]
    }
}

impl TryFrom<u8> for Grade {
    type Error = NoGrade;

    fn try_from(number: u8) -> Result<Self, NoGrade> {
        Grade::new(number)
    }
}

impl From<Grade> for u8 {
    fn from(grade: Grade) -> u8 {
        grade.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_number_is_graver_and_others_are_none() {
        let (one, four) = (Grade::new(1).expect("is"), Grade::new(4).expect("is"));
        assert!(one.reaches(four) && !four.reaches(one) && one.reaches(one));
        assert_eq!(
            (one.zh(), four.roman(), four.color()),
            ("特别重大", "IV", "blue")
        );
        assert!(Grade::new(0).is_err() && Grade::new(5).is_err());
        assert!(serde_json::from_str::<Grade>("7").is_err());
    }
}
