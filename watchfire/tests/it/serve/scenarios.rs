//! Every scenario of an exercise is played to its full score through the API, as its people would; and played wrongly or
//! not at all it is not. One serving process, one player after the other; nothing leaves the machine.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::exercise::{api, exercise, inside, token};
use super::{Answer, Serving};
use crate::run::Bench;

/// Rounds are seconds apart, and a party takes twenty to answer; machines are slow.
const PATIENCE: Duration = Duration::from_secs(180);

/// The people of an exercise at their desks.
pub struct Room {
    pub serving: Serving,
    pub officer: String,
    pub lead: String,
    pub editor: String,
    pub approver: String,
}

impl Room {
    pub fn open(bench: &Bench) -> Room {
        let key = |login: &str, rights: &str| token(bench, login, rights);
        Room {
            officer: key("liu.yang", "view,work"),
            lead: key("chen.jie", "view,work,lead"),
            editor: key("wang.wei", "view,edit,review,publish"),
            approver: key("zhao.min", "view,review,approve"),
            serving: Serving::start(bench),
        }
    }

    pub fn get(&self, who: &str, path: &str) -> Value {
        let path = format!("/api/v1/{path}");
        api(&self.serving, who, ("GET", &path), &Value::Null)
            .is(200)
            .json()
    }

    #[track_caller]
    pub fn done(&self, who: &str, path: &str, body: &Value) -> Answer {
        let path = format!("/api/v1/{path}");
        let answer = api(&self.serving, who, ("POST", &path), body);
        assert!(
            (200..300).contains(&answer.status),
            "{path} {body}: {} {}",
            answer.status,
            answer.body
        );
        answer
    }

    #[track_caller]
    fn until(&self, what: &str, mut so: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !so() {
            assert!(begun.elapsed() < PATIENCE, "{what} did not come about");
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    fn items(&self, who: &str, path: &str) -> Vec<Value> {
        let all = self.get(who, path)["items"].as_array().cloned();
        all.unwrap_or_default()
    }

    /// Begins a scenario; its number and hosts.
    pub fn begin(&self, who: &str, name: &str) -> Drill<'_> {
        let path = format!("exercise/scenarios/{name}/begin");
        let begun = self.done(who, &path, &json!({})).json();
        let hosts = begun["hosts"].as_array().cloned().unwrap_or_default();
        Drill {
            room: self,
            who: who.to_owned(),
            name: name.to_owned(),
            id: begun["id"].as_i64().expect("a number"),
            hosts: hosts
                .iter()
                .filter_map(|one| one.as_str().map(str::to_owned))
                .collect(),
        }
    }
}

/// A scenario under way.
pub struct Drill<'a> {
    room: &'a Room,
    who: String,
    name: String,
    id: i64,
    hosts: Vec<String>,
}

impl Drill<'_> {
    fn look(&self) -> Value {
        let path = format!("exercise/drills/{}", self.id);
        self.room.get(&self.who, &path)
    }

    fn is_reached(&self, aim: usize) -> bool {
        self.look()["aims"][aim]["reached_at"].is_string()
    }

    #[track_caller]
    fn reaches(&self, aim: usize) {
        let what = format!("{}: aim {aim}", self.name);
        self.room.until(&what, || self.is_reached(aim));
    }

    /// The incidents about its hosts, in their order, once all are there.
    pub fn incidents(&self) -> Vec<i64> {
        let mut found = Vec::new();
        self.room
            .until(&format!("{}: its incidents", self.name), || {
                let all = self.room.items(&self.who, "incidents?limit=200");
                let of = |host: &String| {
                    let one = all.iter().find(|one| one["host"] == host.as_str())?;
                    one["number"].as_i64()
                };
                found = self.hosts.iter().filter_map(of).collect();
                found.len() == self.hosts.len()
            });
        found
    }

    pub fn step(&self, number: i64, step: &str, resolution: Option<&str>) {
        let mut body = json!({ "step": step, "reason": "the page was looked at" });
        if let Some(resolution) = resolution {
            body["resolution"] = json!(resolution);
        }
        let path = format!("incidents/{number}/steps");
        self.room.done(&self.who, &path, &body);
    }

    pub fn note(&self, number: i64) {
        let body = json!({ "body": "looked at from two places; what it is stands in the reason" });
        let path = format!("incidents/{number}/notes");
        self.room.done(&self.who, &path, &body);
    }

    /// Lets what waits for a lead go out until an aim is reached.
    #[track_caller]
    pub fn released(&self, aim: usize) {
        let what = format!("{}: aim {aim}", self.name);
        self.room.until(&what, || {
            for one in self.room.items(&self.room.lead, "notices?state=held") {
                let path = format!("/api/v1/notices/{}/release", one["number"]);
                let body = json!({ "reason": "read" });
                // The round may have moved it meanwhile.
                api(&self.room.serving, &self.room.lead, ("POST", &path), &body);
            }
            self.is_reached(aim)
        });
    }

    pub fn promise(&self) {
        let due = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(2);
        let body = json!({ "what": "call back", "to": "the bank", "due": due.to_string() });
        self.room.done(&self.who, "duty/promises", &body);
    }

    pub fn hand_over(&self) -> i64 {
        let body = json!({ "taker": "chen.jie", "remark": "what is open stands in the list" });
        let given = self.room.done(&self.who, "duty/handovers", &body).json();
        given["id"].as_i64().expect("a number")
    }

    /// Its score when it is over.
    #[track_caller]
    fn full(&self) {
        let mut last = Value::Null;
        let what = format!("{}: its end", self.name);
        self.room.until(&what, || {
            last = self.look();
            last["ended_at"].is_string()
        });
        assert_eq!(last["score"], 100, "{last}");
    }

    fn give_up(&self) -> i64 {
        let path = format!("exercise/drills/{}/end", self.id);
        let ended = self.room.done(&self.who, &path, &json!({})).json();
        ended["score"].as_i64().expect("a score")
    }
}

fn campaign(room: &Room) {
    let drill = room.begin(&room.officer, "campaign");
    let all = drill.incidents();
    let bulk = |act: &str, more: Value| {
        let mut body = json!({ "act": act, "incidents": all, "reason": "one kit, one hand" });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        room.done(&room.officer, "incidents/bulk", &body);
    };
    bulk("validate", json!({}));
    drill.reaches(0);
    bulk("campaign", json!({ "campaign": "Swift Parcel" }));
    drill.reaches(1);
    drill.released(2);
    drill.full();
}

fn storm(room: &Room) {
    let drill = room.begin(&room.officer, "storm");
    let number = drill.incidents()[0];
    drill.step(number, "validate", None);
    drill.reaches(0);
    drill.released(1);
    // It comes back, and another contact is written to.
    drill.released(2);
    drill.note(number);
    drill.full();
}

fn wrong_takedown(room: &Room) {
    let drill = room.begin(&room.officer, "wrong-takedown");
    let number = drill.incidents()[0];
    drill.note(number);
    drill.reaches(0);
    drill.step(number, "close", Some("invalid"));
    drill.reaches(1);
    let asked = ["messages?state=waiting", "messages?state=new"];
    room.until("wrong-takedown: the inbox", || {
        for one in asked
            .iter()
            .flat_map(|path| room.items(&room.officer, path))
        {
            let id = one["id"].as_str().expect("an id");
            let path = format!("/api/v1/messages/{id}/attach");
            let body = json!({ "incident": number.to_string(), "reason": "about this shop" });
            // The round may have handled it meanwhile.
            api(&room.serving, &room.officer, ("POST", &path), &body);
        }
        drill.is_reached(2)
    });
    drill.full();
}

fn outage(room: &Room) {
    let drill = room.begin(&room.officer, "outage");
    let rings = room.items(&room.officer, "duty/alarms");
    let own = rings
        .iter()
        .find(|one| one.to_string().contains("phishing-list"))
        .expect("it rings");
    let path = format!("duty/alarms/{}/acknowledge", own["id"]);
    room.done(
        &room.officer,
        &path,
        &json!({ "remark": "their server is down" }),
    );
    drill.promise();
    drill.hand_over();
    drill.full();
}

fn infected_host(room: &Room) {
    let drill = room.begin(&room.officer, "infected-host");
    let number = drill.incidents()[0];
    drill.step(number, "validate", None);
    drill.reaches(0);
    drill.promise();
    drill.released(1);
    drill.full();
}

fn defacement(room: &Room) {
    let drill = room.begin(&room.officer, "defacement");
    let number = drill.incidents()[0];
    drill.step(number, "validate", None);
    drill.reaches(0);
    let body = json!({
        "importance": "important", "loss": "severe", "extent": "province",
        "operator": "state-organ", "reason": "the front page was replaced",
    });
    room.done(&room.lead, &format!("incidents/{number}/grade"), &body);
    drill.reaches(1);
    let clocks = room.get(&room.officer, &format!("incidents/{number}"));
    let clocks = clocks["clocks"].as_array().cloned().unwrap_or_default();
    assert!(!clocks.is_empty(), "no clock of the law runs");
    for clock in clocks {
        let path = format!("incidents/{number}/clocks/{}/end", clock["id"]);
        let body = json!({ "how": "done", "reason": "reported by telephone" });
        room.done(&room.lead, &path, &body);
    }
    drill.reaches(2);
    drill.released(3);
    drill.full();
}

fn hostile(room: &Room) {
    let drill = room.begin(&room.officer, "hostile");
    let number = drill.incidents()[0];
    drill.note(number);
    drill.step(number, "close", Some("invalid"));
    drill.full();
}

fn handover(room: &Room) {
    let drill = room.begin(&room.officer, "handover");
    drill.promise();
    let given = drill.hand_over();
    assert!(!drill.is_reached(2), "the other side did not sign yet");
    let path = format!("duty/handovers/{given}/take");
    room.done(&room.lead, &path, &json!({}));
    drill.full();
}

fn late_correction(room: &Room) {
    let drill = room.begin(&room.editor, "late-correction");
    let issues = room.items(&room.editor, "bulletins");
    let public = |one: &&Value| one["published_revision"].is_i64();
    let issue = issues.iter().find(public).expect("a published issue");
    let issue = issue["issue"].as_str().expect("its number").to_owned();
    let at = |what: &str| format!("bulletins/{issue}/{what}");
    let work = |what: &str, body: Value| {
        let begun = room.done(&room.editor, &at(what), &body).json();
        let path = format!("bulletins/work/{}", begun["id"]);
        let mut last = Value::Null;
        room.until(what, || {
            last = room.get(&room.editor, &path);
            last["ended_at"].is_string()
        });
        last
    };
    // The rows arrive by the ordinary way; until then there is nothing to correct.
    room.until("the late rows", || {
        work("late", json!({}));
        drill.is_reached(0)
    });
    let body = json!({ "accept": true, "reason": "the feed delivered late" });
    room.done(&room.editor, &at("corrections"), &body);
    drill.reaches(1);
    let body = json!({ "note": "late rows of a feed", "refreeze": "the feed delivered late" });
    let drafted = work("draft", body);
    let revision = room.get(&room.editor, &format!("bulletins/{issue}"))["revision"].clone();
    assert!(revision.as_i64() > Some(1), "{drafted}");
    room.done(&room.editor, &at("check"), &json!({}));
    let asks = room.get(&room.approver, &at("findings"));
    let asks = asks.as_array().cloned().unwrap_or_default();
    let open = |one: &Value| one["severity"] == "asks" && one["answered_by"].is_null();
    if asks.iter().any(open) {
        let body = json!({ "finding": "all", "reason": "an exercise: so it is" });
        room.done(&room.approver, &at("acknowledge"), &body);
    }
    let body = json!({ "revision": revision, "word": "passes" });
    room.done(&room.approver, &at("review"), &body);
    room.done(
        &room.approver,
        &at("approve"),
        &json!({ "revision": revision }),
    );
    assert!(!drill.is_reached(2), "nothing is public yet");
    let told = work("publish", json!({ "forms": "html,json,csv" }));
    assert!(drill.is_reached(2), "{told}");
    drill.full();
}

#[test]
fn every_scenario_is_played_to_its_full_score_and_wrongly_it_is_not() {
    let home = exercise();
    let bench = inside(&home).set("WATCHFIRE__RESPONSE__ROUND_SECS", "1");
    let room = Room::open(&bench);
    // `phishing` is played by the commands, in a test of its own.
    let mut played = vec!["phishing"];
    for (name, play) in [
        ("outage", outage as fn(&Room)),
        ("handover", handover),
        ("hostile", hostile),
        ("wrong-takedown", wrong_takedown),
        ("campaign", campaign),
        ("infected-host", infected_host),
        ("defacement", defacement),
        ("storm", storm),
        ("late-correction", late_correction),
    ] {
        play(&room);
        played.push(name);
    }
    let all = room.items(&room.officer, "exercise/scenarios");
    for one in &all {
        let name = one["name"].as_str().unwrap_or_default();
        assert!(played.contains(&name), "nobody played {name}");
        // Nothing done: nobody was asked, and no more than that is scored.
        let drill = room.begin(&room.officer, name);
        let score = drill.give_up();
        assert!(score <= 20, "{name}: {score}");
    }
    assert!(all.len() >= 10, "{}", all.len());
    // The hostile complaint taken for true: a party is asked, and the points for asking nobody are lost for good.
    let drill = room.begin(&room.officer, "hostile");
    let number = drill.incidents()[0];
    drill.step(number, "validate", None);
    let noticed = || {
        let one = room.get(&room.officer, &format!("incidents/{number}"));
        one["noticed_at"].is_string()
    };
    room.until("the wrong notice", || {
        for one in room.items(&room.lead, "notices?state=held") {
            let path = format!("/api/v1/notices/{}/release", one["number"]);
            api(
                &room.serving,
                &room.lead,
                ("POST", &path),
                &json!({ "reason": "read" }),
            );
        }
        noticed()
    });
    drill.note(number);
    drill.step(number, "close", Some("invalid"));
    let score = drill.give_up();
    assert_eq!(score, 80, "closed and noted, but somebody was asked");
    room.serving.signal("TERM");
    assert_eq!(room.serving.end(), 0);
}
