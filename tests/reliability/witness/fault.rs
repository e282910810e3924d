//! What the witness does wrong, and to whom.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::dice::Dice;

/// Where in the dialogue. The last two of each protocol are before and after the witness has written down that
/// it took something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    Greeting,
    Mail,
    Rcpt,
    Data,
    Dot,
    Taken,
    Request,
    Applied,
}

const POINTS: [(&str, Point); 8] = [
    ("greeting", Point::Greeting),
    ("mail", Point::Mail),
    ("rcpt", Point::Rcpt),
    ("data", Point::Data),
    ("dot", Point::Dot),
    ("taken", Point::Taken),
    ("request", Point::Request),
    ("applied", Point::Applied),
];

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Goes on after a while; after `taken` that is a late 250.
    Delay(Duration),
    /// Hangs up.
    Drop,
    /// Says something that is no reply, and hangs up.
    Garbage,
    /// Says nothing more until the other side hangs up.
    Silence,
    /// Says no; 421 hangs up as well.
    Reply(u16),
}

#[derive(Debug, Clone, PartialEq)]
struct Rule {
    point: Point,
    act: &'static str,
    reply: u16,
    delay: (u64, u64),
    percent: f64,
    times: Option<u32>,
}

/// How often each rule came by each party, and how often it hit.
type Met = HashMap<(usize, String), (u32, u32)>;

/// All rules. Clones share their memory of whom they met.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    seed: u64,
    rules: Vec<Rule>,
    met: Arc<Mutex<Met>>,
}

impl Faults {
    pub fn seeded(mut self, seed: u64) -> Faults {
        self.seed = seed;
        self
    }

    /// What happens to `who` at `point`, in the order of the rules.
    pub fn at(&self, point: Point, who: &str) -> Vec<Act> {
        let mut acts = Vec::new();
        for (number, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.point == point) {
            let mut met = self.met.lock().unwrap();
            let (passed, hit) = met.entry((number, who.to_owned())).or_default();
            *passed += 1;
            if rule.times.is_some_and(|times| *hit >= times) {
                continue;
            }
            let mut dice = Dice::of(self.seed, &[who, &number.to_string(), &passed.to_string()]);
            if !dice.hits(rule.percent) {
                continue;
            }
            *hit += 1;
            acts.push(match rule.act {
                "delay" => Act::Delay(Duration::from_millis(dice.between(rule.delay.0, rule.delay.1))),
                "drop" => Act::Drop,
                "garbage" => Act::Garbage,
                "silence" => Act::Silence,
                _ => Act::Reply(rule.reply),
            });
        }
        acts
    }
}

impl FromStr for Faults {
    type Err = String;

    fn from_str(text: &str) -> Result<Faults, String> {
        let rules = text.split(',').filter(|rule| !rule.is_empty()).map(rule).collect::<Result<_, _>>()?;
        Ok(Faults { rules, ..Faults::default() })
    }
}

fn rule(text: &str) -> Result<Rule, String> {
    let wrong = || format!("`{text}` is no fault: write POINT:ACT[=MS[-MS]]@PERCENT[xTIMES]");
    let (point, rest) = text.split_once(':').ok_or_else(wrong)?;
    let point = POINTS.iter().find(|(name, _)| *name == point).ok_or_else(wrong)?.1;
    let (act, chance) = rest.split_once('@').ok_or_else(wrong)?;
    let (percent, times) = match chance.split_once('x') {
        Some((percent, times)) => (percent, Some(times.parse().map_err(|_| wrong())?)),
        None => (chance, None),
    };
    let percent = percent.parse().map_err(|_| wrong())?;
    let (act, delay) = match act.split_once('=') {
        Some((act, delay)) => {
            let (low, high) = delay.split_once('-').unwrap_or((delay, delay));
            (act, (low.parse().map_err(|_| wrong())?, high.parse().map_err(|_| wrong())?))
        }
        None => (act, (0, 0)),
    };
    let named = ["delay", "drop", "garbage", "silence"].into_iter().find(|name| *name == act);
    let (act, reply) = match named {
        Some(act) => (act, 0),
        None => ("reply", act.parse().ok().filter(|code| (400..600).contains(code)).ok_or_else(wrong)?),
    };
    Ok(Rule { point, act, reply, delay, percent, times })
}

/// What `--faults` understands, and that a seed says everything.
pub fn self_test() {
    let faults: Faults = "rcpt:451@100x2,rcpt:421@50,taken:delay=250@100".parse().unwrap();
    let faults = faults.seeded(7);
    let first: Vec<Vec<Act>> = (0..4).map(|_| faults.at(Point::Rcpt, "a")).collect();
    let refused = |acts: &[Act]| acts.contains(&Act::Reply(451));
    assert_eq!(first.iter().map(|acts| refused(acts)).collect::<Vec<_>>(), [true, true, false, false]);
    let again = "rcpt:451@100x2,rcpt:421@50".parse::<Faults>().unwrap().seeded(7);
    assert_eq!(first, (0..4).map(|_| again.at(Point::Rcpt, "a")).collect::<Vec<_>>());
    assert_eq!(faults.at(Point::Taken, "a"), [Act::Delay(Duration::from_millis(250))]);
    assert_eq!(faults.at(Point::Dot, "a"), []);
    for wrong in ["rcpt", "rcpt:451", "nowhere:drop@1", "rcpt:201@1", "dot:delay=x@1", "dot:drop@1xx"] {
        assert!(wrong.parse::<Faults>().is_err(), "{wrong}");
    }
}
