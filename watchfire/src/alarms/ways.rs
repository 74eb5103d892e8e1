//! The ways by which an alarm leaves: mail, a signed post, and a gateway for short messages that is called by an
//! address or a JSON document of the configuration's.

use ledger::{Alarm, NewTelling, Telling};
use model::bulletin::Lang;
use model::duty::AlarmWay;
use model::time::Timestamp;
use model::worded::Word;
use response::deliver::edition::{EditionMail, build};
use response::deliver::header::{Mailbox, MessageId};
use response::deliver::webhook::{Key, Way};
use response::deliver::{Outcome, Secret};
use response::notify::House;
use serde_json::json;

use super::words;
use crate::config::Environment;
use crate::config::written::DutySection;
use crate::failure::{Exit, Failure, Result};
use crate::responding;
use crate::workspace::Workspace;

/// Longest short message, in characters: two parts in UCS-2.
const SHORT: usize = 134;

/// What is at hand to tell people.
pub struct Ways {
    duty: DutySection,
    way: Way,
    keys: Vec<Key>,
    /// Name and mail; `None` where no mail can be sent.
    house: Option<House>,
    /// Token of the gateway.
    token: Option<Secret>,
    key: [u8; 32],
    chinese: bool,
}

impl Ways {
    /// What the configuration gives; `None` in a workspace for exercises, which nothing leaves.
    ///
    /// # Errors
    /// The configuration names what cannot be used.
    pub fn of(workspace: &Workspace, environment: &Environment) -> Result<Option<Ways>> {
        let Some(way) = responding::way(workspace)? else {
            return Ok(None);
        };
        let duty = workspace.settings.duty.clone();
        let mut keys = Vec::new();
        if !duty.webhook.is_empty() {
            let path = workspace.root.join(&duty.webhook_secret);
            let wrong =
                |why: String| Failure::new("duty.webhook_secret", why).with(Exit::Configuration);
            let text = std::fs::read_to_string(&path)
                .map_err(|error| wrong(format!("{}: {error}", path.display())))?;
            let key = Key::read(&Secret::new(text.trim()));
            keys.push(key.map_err(|error| wrong(error.to_string()))?);
        }
        // Without an address of the house no mail can be written; the other ways go on.
        let house = match workspace.settings.response.address.is_empty() {
            true => None,
            false => Some(responding::house(workspace, environment, false)?),
        };
        Ok(Some(Ways {
            keys,
            way,
            house: house.filter(|house| house.relay.is_some()),
            token: environment.get("WATCHFIRE_GATEWAY_TOKEN").map(Secret::new),
            key: responding::token_key(workspace)?,
            chinese: duty.language != "en",
            duty,
        }))
    }

    /// Text of the link to an alarm.
    pub fn link(&self, topic: &str, raised_at: i64) -> String {
        super::link(&self.key, topic, raised_at)
    }

    /// What is configured, in words that hold no secret.
    pub fn shown(&self) -> Vec<String> {
        let mut shown = Vec::new();
        if self.house.is_some() {
            shown.extend(self.duty.mail.iter().map(|to| format!("mail: {to}")));
            let leads = self.duty.lead_mail.iter();
            shown.extend(leads.map(|to| format!("mail (lead): {to}")));
        }
        let host = |text: &str| {
            let url = url::Url::parse(text).ok();
            url.and_then(|url| url.host_str().map(str::to_owned))
                .unwrap_or_default()
        };
        if !self.duty.webhook.is_empty() {
            shown.push(format!("webhook: {}", host(&self.duty.webhook)));
        }
        if !self.duty.gateway.is_empty() {
            let all = self.duty.gateway_to.len() + self.duty.gateway_lead_to.len();
            shown.push(format!("gateway: {} ({all})", host(&self.duty.gateway)));
        }
        shown
    }

    /// Whom to tell by which way; `addresses` are the mail addresses of whoever is there.
    pub fn tellings(&self, addresses: Vec<String>, climbed: bool) -> Vec<NewTelling> {
        let mut all = Vec::new();
        if self.house.is_some() {
            all.extend(addresses.into_iter().map(|target| NewTelling {
                way: AlarmWay::Mail,
                target,
            }));
        }
        if !self.duty.webhook.is_empty() {
            all.push(NewTelling {
                way: AlarmWay::Webhook,
                target: self.duty.webhook.clone(),
            });
        }
        if !self.duty.gateway.is_empty() {
            let numbers = match climbed {
                true => &self.duty.gateway_lead_to,
                false => &self.duty.gateway_to,
            };
            all.extend(numbers.iter().map(|number| NewTelling {
                way: AlarmWay::Gateway,
                target: number.clone(),
            }));
        }
        all
    }

    /// Tells somebody.
    pub async fn tell(&self, alarm: &Alarm, telling: &Telling, now: Timestamp) -> Outcome {
        match telling.way.0 {
            AlarmWay::Mail => self.mail(alarm, telling, now).await,
            AlarmWay::Webhook => self.post(alarm, telling, now).await,
            AlarmWay::Gateway => self.short(alarm, telling).await,
        }
    }

    /// Asks the address that watches whether we live.
    pub async fn ping(&self) -> Option<Outcome> {
        match self.duty.dead_man_url.is_empty() {
            true => None,
            false => Some(self.way.call(&self.duty.dead_man_url, None, None).await),
        }
    }

    /// Address of a page of the console, where its base is known.
    fn page(&self, path: &str) -> Option<String> {
        let base = self.duty.base.trim_end_matches('/');
        (!base.is_empty()).then(|| format!("{base}{path}"))
    }

    async fn mail(&self, alarm: &Alarm, telling: &Telling, now: Timestamp) -> Outcome {
        let refused = |reply: String| Outcome::Refused { reply };
        let Some(house) = &self.house else {
            return refused("no mail server is configured: set response.smtp".to_owned());
        };
        let Some(relay) = &house.relay else {
            return refused("no mail server is configured: set response.smtp".to_owned());
        };
        let language = match self.chinese {
            true => Lang::Zh,
            false => Lang::En,
        };
        let (severity, what) = words(alarm, self.chinese);
        let climbed = match (telling.climbed, self.chinese) {
            (false, _) => "",
            (true, true) => "（无人处理，已上报）",
            (true, false) => " (nobody took it up)",
        };
        let subject = match self.chinese {
            true => format!("【{severity}】{what}{climbed}"),
            false => format!("[{severity}] {what}{climbed}"),
        };
        let mut text = format!("{what}\n\n");
        let link = self.link(&alarm.topic, alarm.raised_at);
        let shows = alarm.link_until > now.0;
        if let Some(page) = self
            .page(&format!("/console/alarm/{link}"))
            .filter(|_| shows)
        {
            text.push_str(match self.chinese {
                true => "查看（24 小时内有效，只读）：\n",
                false => "To read it (for 24 hours, nothing else can be done there):\n",
            });
            text.push_str(&page);
            text.push_str("\n\n");
        }
        if let Some(page) = self.page(&format!("/console/duty/alarms/{}", alarm.id)) {
            text.push_str(match self.chinese {
                true => "登录处理：\n",
                false => "To take it up, sign in:\n",
            });
            text.push_str(&page);
            text.push('\n');
        }
        let made = Mailbox::read(&house.sender.address).and_then(|from| {
            let to = Mailbox::read(&telling.target)?;
            Ok((from.named(house.sender.name.get(language)), to))
        });
        let (from, to) = match made {
            Ok(made) => made,
            Err(error) => return refused(error.to_string()),
        };
        let domain = &house.sender.domain;
        let Some(id) = MessageId::read(&format!("alarm.{}.{}@{domain}", alarm.id, telling.id))
        else {
            return refused(format!("`{domain}` is no domain of a mail address"));
        };
        let mail = EditionMail {
            id,
            from,
            to,
            token: &format!("alarm{}", alarm.id),
            language,
            subject: &subject,
            text: &text,
            html: None,
            leave: None,
            date: Timestamp(telling.created_at),
        };
        match build(&mail, domain, house.dkim.as_ref()) {
            Ok(message) => relay.send(&message).await,
            Err(error) => Outcome::Later {
                reply: error.to_string(),
            },
        }
    }

    async fn post(&self, alarm: &Alarm, telling: &Telling, now: Timestamp) -> Outcome {
        let body = json!({
            "type": if telling.climbed { "alarm.climb" } else { "alarm.raise" },
            "timestamp": Timestamp(telling.created_at).to_string(),
            "data": {
                "alarm": alarm.id,
                "rule": alarm.rule.0.label(),
                "severity": alarm.severity.0.label(),
                "what": { "zh": alarm.what_zh, "en": alarm.what_en },
                "raised_at": Timestamp(alarm.raised_at).to_string(),
                "page": self.page(&format!("/console/duty/alarms/{}", alarm.id)),
            },
        });
        let id = format!("alarm_{}_{}", alarm.id, telling.id);
        let body = body.to_string().into_bytes();
        self.way
            .post(&telling.target, &self.keys, &id, now, body)
            .await
    }

    async fn short(&self, alarm: &Alarm, telling: &Telling) -> Outcome {
        let (severity, what) = words(alarm, self.chinese);
        let text: String = format!("{severity} {what}").chars().take(SHORT).collect();
        let duty = &self.duty;
        let address = filled(&duty.gateway, &telling.target, &text, address_part);
        let body = (!duty.gateway_json.is_empty())
            .then(|| filled(&duty.gateway_json, &telling.target, &text, json_part));
        let body = body.map(|text| ("application/json", text));
        self.way.call(&address, body, self.token.as_ref()).await
    }
}

/// A template with `{to}` and `{text}` filled in.
fn filled(template: &str, to: &str, text: &str, escape: fn(&str) -> String) -> String {
    template
        .replace("{to}", &escape(to))
        .replace("{text}", &escape(text))
}

/// A text within an address.
fn address_part(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A text within a JSON string.
fn json_part(text: &str) -> String {
    let quoted = json!(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_cannot_break_out() {
        let text = "a&to=+86\"}";
        assert_eq!(
            filled(
                "https://sms.example/send?to={to}&text={text}",
                "+861",
                text,
                address_part
            ),
            "https://sms.example/send?to=%2B861&text=a%26to%3D%2B86%22%7D"
        );
        let body = filled(
            "{\"to\":\"{to}\",\"text\":\"{text}\"}",
            "+861",
            text,
            json_part,
        );
        let read: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(read["text"], text);
        assert_eq!(read["to"], "+861");
    }
}
