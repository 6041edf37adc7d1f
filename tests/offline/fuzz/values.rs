//! Values made up: what is read is written and read again as the same, and what is not is told without steering a terminal.

use std::fmt::{Debug, Display};

use kamaji::cli::DurationArg;
use kamaji::model::{
    ControlPlaneId, ControlPlaneName, DatastoreName, Endpoint, Host, KubeVersion, Namespace, Quantity, San, Subject,
    check_toleration, parse_amount, parse_component_amounts, parse_given_path, parse_label, parse_node_selector,
    parse_token, parse_toleration,
};

use super::for_a_while;
use super::mutate::{Random, damaged};

const GOOD: [&str; 46] = [
    "prod",
    "kube-system",
    "v1.37.2",
    "1.30.0",
    "10.0.0.1",
    "10.0.0.1:6443",
    "fd00::1",
    "[fd00::1]:6443",
    "api.example.com",
    "*.example.com",
    "api.example.com:443",
    "::ffff:10.0.0.1",
    "24h0m0s",
    "1.5h",
    "90s",
    "8760h",
    "250m",
    "1Gi",
    "1.5",
    "1e3",
    "0.5Ki",
    "123456789012345678901234567890",
    "key=value",
    "example.com/key=value",
    "key=value:NoSchedule",
    "key:NoExecute",
    "kube-apiserver=cpu=1,memory=2Gi",
    "cpu",
    "abcdef.0123456789abcdef",
    "0123456789abcdef0123456789abcdef",
    "/etc/kubernetes/x",
    "/a/b",
    "jane",
    "jane@example.com",
    "system:masters",
    "dev,ops",
    "",
    "-",
    "=",
    ":",
    "/",
    ".",
    "a=",
    "=a",
    "a:b:c",
    "a/b/c",
];

fn value(random: &mut Random) -> Vec<u8> {
    let other = random.one_of(&GOOD).as_bytes();
    let good = random.one_of(&GOOD).as_bytes();
    if random.below(3) == 0 { good.to_vec() } else { damaged(good, other, random) }
}

fn same<T: PartialEq + Debug + Display, E: Display>(text: &str, parse: impl Fn(&str) -> Result<T, E>) {
    match parse(text) {
        Ok(value) => {
            let again = parse(&value.to_string()).unwrap_or_else(|error| panic!("{value}: {error}"));
            assert_eq!(again, value);
        }
        Err(error) => told(&error),
    }
}

fn told(error: &impl Display) {
    let said = error.to_string();
    assert!(!said.chars().any(|c| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}')), "{said:?}");
}

#[test]
fn what_is_read_is_written_and_read_again_as_the_same() {
    for_a_while(value, |bytes| {
        let text: &str = &String::from_utf8_lossy(bytes);
        same(text, ControlPlaneName::parse);
        same(text, Namespace::parse);
        same(text, DatastoreName::parse);
        same(text, ControlPlaneId::parse);
        same(text, KubeVersion::parse);
        same(text, Host::parse);
        same(text, San::parse);
        same(text, |text| Endpoint::parse(text, 6443));
        same(text, parse_given_path);
        same(text, |text| parse_label(text).map(|(key, value)| Pair(key, value)));
        if let Ok(quantity) = Quantity::parse(text) {
            assert_eq!(Quantity::parse(quantity.as_str()).unwrap().as_str(), quantity.as_str());
            drop((quantity.whole(), format!("{quantity:?}")));
        }
        if let Ok(toleration) = parse_toleration(text) {
            check_toleration(&toleration).unwrap();
        }
        if let Ok((key, value)) = parse_node_selector(text) {
            assert_eq!(parse_node_selector(&format!("{key}={value}")).unwrap(), (key, value));
        }
        drop((parse_amount("memory", text), parse_amount(text, "1"), parse_component_amounts(text)));
        drop((Subject::parse(text, &[], false), Subject::parse("jane", &[text.to_owned()], true)));
        drop((parse_token(text).map(drop), text.parse::<DurationArg>()));
    });
}

#[derive(Debug, PartialEq)]
struct Pair(String, String);

impl Display for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.0, self.1)
    }
}
