//! Rule-bearing experts: sieve files and modify configurations are copied as they are, a filter's
//! parameters become a sieve file.

use std::path::{Path, PathBuf};

use intake::rules::Rules;
use serde_json::{Value as Json, json};

use super::bots::Bot;
use super::findings::{Fate, Findings};

/// A rule file for the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFile {
    /// Its name relative to the workspace.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Whether the module bears rules.
pub fn bears_rules(module: &str) -> bool {
    matches!(
        module,
        "experts.sieve.expert" | "experts.modify.expert" | "experts.filter.expert"
    )
}

/// The rule file of an expert; `None` where it cannot be taken over, which the findings say.
pub fn read(bot: &mut Bot, slug: &str, dir: &Path, findings: &mut Findings) -> Option<RuleFile> {
    let made = match bot.module.as_str() {
        "experts.sieve.expert" => copied(bot, "file", &format!("rules/{slug}.sieve"), dir),
        "experts.modify.expert" => modify(bot, slug, dir, findings),
        _ => filter(bot, slug, findings),
    };
    let file = match made {
        Ok(file) => file,
        Err(why) => {
            findings.say(&bot.id, Fate::NeedsYourHand, why);
            return None;
        }
    };
    match Rules::compile(&[(file.name.clone(), file.text.clone())]) {
        Ok(_) => Some(file),
        Err(faults) => {
            let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
            let remark = format!(
                "its rules cannot be used: {}; mend them and import again",
                all.join("; ")
            );
            findings.say(&bot.id, Fate::NeedsYourHand, remark);
            None
        }
    }
}

/// Finds a file that a parameter names: where it says, or by its name in the folder that is imported.
fn find(name: &str, dir: &Path) -> Option<PathBuf> {
    let path = Path::new(name);
    if path.is_absolute() && path.is_file() {
        return Some(path.to_owned());
    }
    let base = path.file_name()?;
    let pattern = format!(
        "{}/**/{}",
        glob::Pattern::escape(dir.to_str()?),
        glob::Pattern::escape(base.to_str()?)
    );
    let mut found: Vec<PathBuf> = glob::glob(&pattern).ok()?.filter_map(Result::ok).collect();
    found.sort();
    found.into_iter().find(|path| path.is_file())
}

fn copied(bot: &mut Bot, parameter: &str, name: &str, dir: &Path) -> Result<RuleFile, String> {
    let path = bot
        .take_text(parameter)
        .ok_or_else(|| format!("its parameter {parameter} is missing"))?;
    let found = find(&path, dir)
        .ok_or_else(|| format!("{path} is not found: copy it into the folder and import again"))?;
    let text = std::fs::read_to_string(&found)
        .map_err(|error| format!("{path} cannot be read: {error}"))?;
    Ok(RuleFile {
        name: name.to_owned(),
        text,
    })
}

/// The configuration as it is, or with the parameters that are not the default.
fn modify(
    bot: &mut Bot,
    slug: &str,
    dir: &Path,
    findings: &mut Findings,
) -> Result<RuleFile, String> {
    let mut file = copied(
        bot,
        "configuration_path",
        &format!("rules/{slug}.json"),
        dir,
    )?;
    let mut wrapped = serde_json::Map::new();
    for parameter in ["case_sensitive", "overwrite", "maximum_matches"] {
        let value = bot.parameters.shift_remove(parameter);
        let default = matches!(value, None | Some(Json::Null | Json::Bool(true)));
        if let Some(value) = value.filter(|_| !default) {
            findings.parameter(
                &bot.id,
                parameter,
                Fate::TakenOver,
                "stands in the rule file",
            );
            wrapped.insert(parameter.to_owned(), value);
        }
    }
    if !wrapped.is_empty() {
        let rules: Json = serde_json::from_str(&file.text)
            .map_err(|error| format!("its configuration is no JSON: {error}"))?;
        wrapped.insert("rules".to_owned(), rules);
        file.text =
            serde_json::to_string_pretty(&wrapped).map_err(|error| error.to_string())? + "\n";
    }
    Ok(file)
}

/// A filter in the words of a sieve.
fn filter(bot: &mut Bot, slug: &str, findings: &mut Findings) -> Result<RuleFile, String> {
    let mut text = format!("# From the parameters of IntelMQ's filter {}.\n", bot.id);
    let mut said = false;
    for (parameter, operator) in [("not_after", ":after"), ("not_before", ":before")] {
        if let Some(when) = bot.take_text(parameter) {
            text.push_str(&format!(
                "if time.source {operator} {} {{\n  drop\n}}\n",
                quoted(&when)
            ));
            findings.parameter(&bot.id, parameter, Fate::TakenOver, "a rule on time.source");
            said = true;
        }
    }
    let key = bot.take_text("filter_key");
    let value = bot.parameters.shift_remove("filter_value");
    let action = bot.take_text("filter_action");
    let regex = bot.take("filter_regex").is_some();
    if let (Some(key), Some(value), Some(action)) = (key, value, action) {
        let condition = match &value {
            Json::String(text) if regex => format!("{key} =~ {}", quoted(text)),
            Json::String(text) => format!("{key} == {}", quoted(text)),
            Json::Number(_) if regex => format!("{key} =~ {}", quoted(&value.to_string())),
            Json::Number(_) | Json::Bool(_) => format!("{key} == {value}"),
            other => {
                return Err(format!(
                    "filter_value {} is no value to compare with",
                    json!(other)
                ));
            }
        };
        match action.as_str() {
            "drop" => text.push_str(&format!("if {condition} {{\n  drop\n}}\n")),
            "keep" => text.push_str(&format!("if !({condition}) {{\n  drop\n}}\n")),
            _ => return Err(format!("filter_action `{action}` is neither drop nor keep")),
        }
        findings.parameter(
            &bot.id,
            "filter_key",
            Fate::TakenOver,
            format!("a rule: {action} where {condition}"),
        );
        said = true;
    }
    for (path, queues) in &bot.destinations {
        if path != "_default" && path != "_on_error" && !queues.is_empty() {
            let remark = format!(
                "events on the path {path} are not led elsewhere: they are dropped or go on"
            );
            findings.parameter(&bot.id, "destination_queues", Fate::NeedsYourHand, remark);
        }
    }
    match said {
        true => Ok(RuleFile {
            name: format!("rules/{slug}.sieve"),
            text,
        }),
        false => Err("it has no parameter that filters".into()),
    }
}

/// A text of the sieve language.
fn quoted(text: &str) -> String {
    match text.contains('\'') && !text.contains('"') {
        true => format!("\"{text}\""),
        false => format!("'{}'", text.replace('\'', "\\'")),
    }
}
