//! "Did you mean": the known field nearest to an unknown one.

use super::fields::{Api, ConfigKind};
use super::lookup::table;
use crate::yaml::shown;

const CONVERT: &str = "run `kamaji config convert FILE` without it, and add it then";

/// A remedy for the unknown `path`: another API that has it, a sibling of nearly the same name, or the same name in
/// another place.
pub(crate) fn suggestion(kind: ConfigKind, api: Api, path: &str) -> Option<String> {
    if let Some(field) = table(kind).iter().find(|field| field.kind == kind && field.path == path) {
        return Some(match api {
            Some(api) if api > field.until => field.remedy.to_owned(),
            _ if field.since.is_experimental() => {
                format!("remove it: only `{}` has it, which is experimental", field.since)
            }
            Some(_) | None => format!("`{}` has it: {CONVERT}", field.since),
        });
    }
    let (parent, leaf) = path.rsplit_once('.').unwrap_or(("", path));
    let known = || table(kind).iter().filter(|field| field.is_in(api));
    let siblings = known()
        .filter(|field| field.kind == kind && field.path.rsplit_once('.').map_or("", |(parent, _)| parent) == parent);
    let nearest = siblings
        .map(|field| (distance(&leaf.to_ascii_lowercase(), &field.leaf().to_ascii_lowercase()), field.leaf()))
        .min()
        .filter(|(distance, known)| *distance <= known.len() / 3);
    if let Some((_, known)) = nearest {
        return Some(format!("did you mean `{known}`?"));
    }
    let elsewhere = known().filter(|field| field.leaf() == leaf && !field.path.contains("[]"));
    let place = elsewhere.min_by_key(|field| (field.kind != kind, field.path.len()))?;
    Some(format!("`{}` belongs in {}.{}", shown(leaf), place.kind.as_str(), place.path))
}

/// The name nearest to a misspelt one, if one is near.
pub(crate) fn nearest(misspelt: &str, names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let (distance, name) = names.map(|name| (distance(misspelt, name), name)).min()?;
    (distance <= name.len() / 4).then_some(name)
}

/// The fewest insertions, deletions and changes of one letter that lead from one to the other.
fn distance(left: &str, right: &str) -> usize {
    const LONGEST: usize = 64;
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    if left.len() > LONGEST {
        return left.len();
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let change = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KubeadmApi;

    #[test]
    fn a_misspelt_or_misplaced_field_is_recognised() {
        let said = |kind, path| suggestion(kind, Some(KubeadmApi::V1beta4), path);
        assert_eq!(said(ConfigKind::Cluster, "networking.podsubnet").unwrap(), "did you mean `podSubnet`?");
        assert_eq!(said(ConfigKind::Cluster, "kubernetesVersoin").unwrap(), "did you mean `kubernetesVersion`?");
        assert_eq!(
            said(ConfigKind::Cluster, "podSubnet").unwrap(),
            "`podSubnet` belongs in ClusterConfiguration.networking.podSubnet"
        );
        assert_eq!(
            said(ConfigKind::Cluster, "bootstrapTokens").unwrap(),
            "`bootstrapTokens` belongs in InitConfiguration.bootstrapTokens"
        );
        assert_eq!(said(ConfigKind::Cluster, "zzzzzz"), None);
        assert_eq!(
            said(ConfigKind::Cluster, "apiServer.timeoutForControlPlane").unwrap(),
            "set `timeouts.controlPlaneComponentHealthCheck` in InitConfiguration"
        );
        assert_eq!(
            suggestion(ConfigKind::Init, Some(KubeadmApi::V1beta3), "dryRun").unwrap(),
            "`kubeadm.k8s.io/v1beta4` has it: run `kamaji config convert FILE` without it, and add it then"
        );
    }
}
