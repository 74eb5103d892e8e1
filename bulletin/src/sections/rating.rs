//! The rating as it is printed: word, reason, working.

use model::bulletin::{
    Aspect, Decimal, Gate, Outcome as Printed, Paragraph, RatingBlock, Text, VulnerabilityLevel,
    Working, WorkingRow,
};
use model::statistic::{self, Presentation};

use super::Page;
use super::words::{lower_first, say};
use crate::rating::{IndicatorWorking, Outcome, Rating};
use crate::statistics;

/// The block of the first page; `proposed` is this week's rating.
pub fn block(page: &Page<'_>, proposed: &Rating) -> RatingBlock {
    let last = page
        .last
        .and_then(|last| last.rating.as_ref())
        .filter(|last| last.words == proposed.words);
    let previous = last.and_then(Rating::level);
    RatingBlock {
        words: proposed.words.clone(),
        outcome: match &proposed.outcome {
            Outcome::Assessed { level } => Printed::Assessed { level: *level },
            Outcome::NotAssessed { reason } => Printed::NotAssessed {
                reason: reason.text(&proposed.words),
            },
        },
        previous,
        sentence: sentence(page, proposed, previous),
        working: Working {
            profile: proposed.profile.clone(),
            profile_version: proposed.profile_version,
            rows: proposed
                .indicators
                .iter()
                .map(|row| working_row(page, row))
                .collect(),
            score: proposed.score,
            previous_score: last.and_then(|last| last.score).filter(|_| {
                page.last
                    .and_then(|last| last.rating.as_ref())
                    .is_some_and(|last| last.profile == proposed.profile)
            }),
            cuts: proposed.cuts.clone(),
            by_score: proposed.by_score,
            gates: proposed
                .gates
                .iter()
                .map(|gate| Gate {
                    name: gate.name.clone(),
                    cap: gate.cap,
                    applied: gate.applied,
                })
                .collect(),
            note: Text::new(
                "对数比为本周数与基线各周中位数之比的自然对数；得分为可用指标的加权平均，权重重新归一；数字为0时按0.5计。",
                "The ln ratio compares this week with the median of the baseline weeks; the score is the mean over the available indicators by renormalised weights; a count of 0 is taken as 0.5.",
            ),
        },
        overridden: None,
    }
}

fn working_row(page: &Page<'_>, row: &IndicatorWorking) -> WorkingRow {
    let print = |count: u64| {
        let form =
            statistics::named(&row.statistic).map_or(Presentation::Integer, |found| found.print);
        statistic::print_count(count, form)
    };
    let name = page
        .figures
        .get(&row.statistic)
        .map(|value| value.name.clone())
        .unwrap_or_default();
    WorkingRow {
        value: row.statistic.clone(),
        name: match &row.over {
            Some(_) => Text::new(
                format!("{}（可比来源）", name.zh),
                format!("{} (like for like)", name.en),
            ),
            None => name,
        },
        // Over all sources it is the figure, printed as everywhere: M1 is the sum of printed parts.
        amount: match (row.this, &row.over) {
            (Some(_), None) if page.figures.has(&row.statistic) => {
                page.figures.printed(&row.statistic, Aspect::Value)
            }
            (this, _) => this.map(print).unwrap_or_default(),
        },
        median: row.median_doubled.map(median_text).unwrap_or_default(),
        ln_ratio: row.ln_ratio,
        weight: row.weight,
        contribution: row.contribution,
        missing: row.uncounted.as_ref().map(crate::rating::Uncounted::text),
    }
}

/// A median from its double: whole, or with one half while it is small.
fn median_text(doubled: u64) -> Text {
    if doubled >= 2 * statistic::WAN {
        return statistic::print_count(doubled.div_ceil(2), Presentation::WanOneDecimal);
    }
    let half = if doubled % 2 == 1 { ".5" } else { "" };
    Text::new(
        format!("{}{half}", doubled / 2),
        format!("{}{half}", statistic::grouped(doubled / 2)),
    )
}

/// One sentence: against last week, what moved it most, what gates hold.
fn sentence(page: &Page<'_>, rating: &Rating, previous: Option<u8>) -> Paragraph {
    let level = match &rating.outcome {
        Outcome::Assessed { level } => *level,
        Outcome::NotAssessed { reason } => {
            let reason = reason.text(&rating.words);
            return say(
                page.figures,
                &format!("本周不作评定：{}。", reason.zh),
                &format!("This week is not assessed: {}.", reason.en),
            );
        }
    };
    let mut zh = String::new();
    let mut en = String::new();
    match previous {
        None => {
            zh.push_str("上期未评定，无从比较");
            en.push_str("The issue before was not assessed");
        }
        Some(before) if before == level => {
            zh.push_str("与上周同级");
            en.push_str("The same level as last week");
        }
        Some(before) => {
            let steps = level.abs_diff(before);
            let worse = level > before;
            zh.push_str(&format!(
                "比上周{}{}级",
                if worse { "低" } else { "高" },
                ["", "一", "两", "三", "四"][usize::from(steps.min(4))]
            ));
            let word = ["", "One step", "Two steps", "Three steps", "Four steps"]
                [usize::from(steps.min(4))];
            en.push_str(&format!(
                "{word} {} last week",
                if worse { "below" } else { "above" }
            ));
        }
    }
    let mut movers: Vec<&IndicatorWorking> = rating
        .indicators
        .iter()
        .filter(|row| row.contribution.is_some_and(|part| part != Decimal::ZERO))
        .collect();
    movers.sort_by(|a, b| {
        let size =
            |row: &IndicatorWorking| row.contribution.map_or(0.0, |part| part.to_f64().abs());
        size(b).total_cmp(&size(a))
    });
    let told: Vec<Text> = movers
        .iter()
        .take(2)
        .filter_map(|row| mover(page, row))
        .collect();
    if !told.is_empty() {
        let zh_told: Vec<&str> = told.iter().map(|text| text.zh.as_str()).collect();
        let en_told: Vec<&str> = told.iter().map(|text| text.en.as_str()).collect();
        zh.push_str(&format!("：{}", zh_told.join("，")));
        en.push_str(&format!(": {}", en_told.join(", ")));
    }
    let held: Vec<&crate::rating::GateWorking> =
        rating.gates.iter().filter(|gate| gate.applied).collect();
    if held.is_empty() {
        if !rating.gates.is_empty() {
            zh.push_str("。未触发降级门槛");
            en.push_str(". No gate was triggered");
        }
    } else {
        let worst = held
            .iter()
            .max_by_key(|gate| gate.cap)
            .map(|gate| (&gate.name, gate.cap));
        if let Some((name, cap)) = worst {
            let word = rating
                .words
                .get(usize::from(cap) - 1)
                .cloned()
                .unwrap_or_default();
            zh.push_str(&format!("。因{}，级别不高于“{}”", name.zh, word.zh));
            en.push_str(&format!(
                ". A {} keeps the level at {} or below",
                name.en, word.en
            ));
        }
    }
    say(page.figures, &format!("{zh}。"), &format!("{en}."))
}

fn mover(page: &Page<'_>, row: &IndicatorWorking) -> Option<Text> {
    let name = page.figures.get(&row.statistic)?.name.clone();
    let ratio = row.ln_ratio?.to_f64().exp();
    let percent = ((ratio - 1.0).abs() * 100.0).round();
    let en_name = lower_first(&name.en);
    if percent < 1.0 {
        return Some(Text::new(
            format!("{}与基线中位数相当", name.zh),
            format!("{en_name} at the baseline median"),
        ));
    }
    Some(if ratio > 1.0 {
        Text::new(
            format!("{}高出基线中位数约{percent}%", name.zh),
            format!("{en_name} about {percent}% above the baseline median"),
        )
    } else {
        Text::new(
            format!("{}低于基线中位数约{percent}%", name.zh),
            format!("{en_name} about {percent}% below the baseline median"),
        )
    })
}

/// The vulnerability level; `None` where vulnerabilities are not available.
pub fn vulnerability(page: &Page<'_>) -> Option<VulnerabilityLevel> {
    let rating = page
        .this
        .vulnerability
        .as_ref()
        .filter(|_| page.figures.has("V1"))?;
    let sentence = match &rating.outcome {
        Outcome::Assessed { .. } => say(
            page.figures,
            "漏洞整体评级依据本周新收录的{V1|个}漏洞评定，与总体态势评价相互独立。",
            "The vulnerability level rests on the {V1} vulnerabilities recorded this week and is independent of the overall rating.",
        ),
        Outcome::NotAssessed { reason } => {
            let reason = reason.text(&rating.words);
            say(
                page.figures,
                &format!("漏洞整体评级不作评定：{}。", reason.zh),
                &format!("The vulnerability level is not assessed: {}.", reason.en),
            )
        }
    };
    Some(VulnerabilityLevel {
        words: rating.words.clone(),
        level: rating.level(),
        sentence,
    })
}
