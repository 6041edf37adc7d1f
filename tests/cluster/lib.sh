# What the scripts of the test cluster share: where things are, which processes are ours, how to enter a host.
# Sourced, never run.
# shellcheck shell=bash disable=SC2034

CLUSTER_SOURCE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=tests/cluster/versions
source "$CLUSTER_SOURCE/versions"

CACHE=$(readlink -m "${KAMAJI_TEST_CACHE:-$HOME/.cache/kamaji-test-cluster}")
STATE=$(readlink -m "${KAMAJI_TEST_STATE:-/var/lib/kamaji-test-cluster}")
GIVEN_BINARIES=${KAMAJI_TEST_BINARIES:+$(readlink -m "$KAMAJI_TEST_BINARIES")}

SUBNET=${KAMAJI_TEST_SUBNET:-89}
BRIDGE=kamaji$((SUBNET - 89))
LINK=$BRIDGE-h                     # the machine's end of a host's link: kamaji0-h<number>
NETWORK=10.$SUBNET.0               # hosts: 10.89.0.<number>
NETWORK6=fd$SUBNET:                # and fd89::<number>
MANAGEMENT_NUMBER=2
MANAGEMENT_PODS=10.$((SUBNET + 1)) # pods of a host of the management cluster: 10.90.<number>.0/24
MANAGEMENT_PODS6=fd90:0:0          # and fd90:0:0:<number>::/64
MANAGEMENT_SERVICES=172.31.0.0/20
MANAGEMENT_SERVICES6=fd31::/112
TENANT_PODS=10.244                 # pods of every other host: 10.244.<number>.0/24
TENANT_PODS6=fd44:0:0              # and fd44:0:0:<number>::/64

fail() {
  echo "error: $*" >&2
  exit 1
}

# --- parts: what gets built, and where it lies -----------------------------------------------------------------

# In the order of their use: a cluster can start when the last one is there.
PARTS=(kubernetes-1.37 etcd containerd coredns kubernetes-1.36 kine kube-router images store)

# Built only when they are asked for by name; tests/minors uses them.
OLDER_PARTS=(kubernetes-1.3{5,4,3,2,1,0} images-1.3{5,4,3,2,1,0})

part_version() {
  case $1 in
    kubernetes-1.37) echo "$KUBERNETES_VERSION" ;;
    kubernetes-1.36) echo "$KUBERNETES_PREVIOUS_VERSION" ;;
    kubernetes-*) sed -n 's,^require k8s.io/kubernetes v,,p' "$CLUSTER_SOURCE/modules/$1/go.mod" ;;
    images-*) echo "$(part_version "kubernetes-${1#images-}")-$(digest_of images image-archive.py)" ;;
    etcd) echo "$ETCD_VERSION" ;;
    containerd) echo "$CONTAINERD_VERSION" ;;
    coredns) echo "$COREDNS_VERSION" ;;
    kine) echo "$KINE_VERSION" ;;
    kube-router) echo "$KUBE_ROUTER_VERSION" ;;
    images) digest_of versions images image-archive.py pause.c ;;
    store) digest_of versions images image-archive.py pause.c store containerd.toml ;;
  esac
}

# What has no version of its own is named after what it is made from.
digest_of() { (cd "$CLUSTER_SOURCE" && cat "$@" | sha256sum | cut -c1-12); }

part_files() {
  case $1 in
    kubernetes-1.37) echo kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubeadm kubectl ;;
    kubernetes-*) echo kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubeadm ;;
    etcd) echo etcd etcdctl etcdutl ;;
    containerd) echo containerd containerd-shim-runc-v2 ctr ;;
    coredns | kine | kube-router) echo "$1" ;;
    images* | store) echo complete ;;
  esac
}

part_is_complete() { # folder, name
  local file
  for file in $(part_files "$2"); do [[ -e $1/$file ]] || return 1; done
}

part_folder_name() {
  case $1 in
    kubernetes-*) echo "kubernetes-$(part_version "$1")" ;;
    images-*) echo "images-$(part_version "$1")" ;;
    *) echo "$1-$(part_version "$1")" ;;
  esac
}

# Where a part's files are: among the given binaries when all of them are there, else in the cache.
part_folder() {
  local name
  name=$(part_folder_name "$1")
  if [[ -n $GIVEN_BINARIES ]] && part_is_complete "$GIVEN_BINARIES/$name" "$1"; then
    echo "$GIVEN_BINARIES/$name"
  else
    echo "$CACHE/$name"
  fi
}

# --- hosts -----------------------------------------------------------------------------------------------------

# Folders that every host has for itself. They are mount points, so they must exist on the machine.
HOST_FOLDERS=(/var/lib/kubelet /var/lib/containerd /var/lib/etcd /var/lib/cni /var/log/pods /var/log/containers)

host_folder() { echo "$STATE/hosts/$1"; }

require_host() {
  process_is_alive "$(host_folder "$1")/process" || fail "no host is named '$1' (tests/cluster/host list shows them)"
}

kubernetes_part_of_host() { # kubernetes-1.37 and the like
  echo "kubernetes-$(cat "$(host_folder "$1")/version")"
}

# Its IPv4 address, or what it has instead.
host_address() {
  local number family
  number=$(cat "$(host_folder "$1")/number") family=$(cat "$(host_folder "$1")/family" 2>/dev/null || true)
  if [[ $family == ipv6 ]]; then echo "$NETWORK6:$number"; else echo "$NETWORK.$number"; fi
}

# What a host finds on its PATH: the wrappers of host-bin first, then its own version's programs.
host_path() { # kubernetes part
  echo "$CLUSTER_SOURCE/host-bin:$(part_folder "$1"):$(part_folder kubernetes-1.37):$(part_folder containerd):$(
    part_folder etcd):$(part_folder kube-router):/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

# Runs a command on a host; it dies with its caller.
on_host() { # name, command...
  local part pid
  part=$(kubernetes_part_of_host "$1")
  read -r pid _ <"$(host_folder "$1")/process"
  shift
  HOST_BINARIES=$(part_folder "$part") PATH=$(host_path "$part") \
    nsenter --target "$pid" --mount --uts --net --ipc --pid \
    setpriv --pdeathsig KILL -- env --chdir="$(working_folder)" -- "$@"
}

working_folder() { if [[ $PWD == /etc* || $PWD == /run* ]]; then echo /; else echo "$PWD"; fi; }

# --- processes: a recorded id counts only together with the moment the process started ---------------------------

process_start() { # id; nothing when there is no such process, or only its remains
  local stat state
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  read -r state _ <<<"${stat##*) }"
  if [[ $state != Z ]]; then cut -d' ' -f20 <<<"${stat##*) }"; fi
}

record_process() { # id, file
  echo "$1 $(process_start "$1")" >"$2"
}

process_is_alive() { # file
  local pid started
  [[ -s $1 ]] && read -r pid started <"$1" && [[ -n $started && $(process_start "$pid") == "$started" ]]
}

end_process() { # file
  local pid started
  if process_is_alive "$1"; then
    read -r pid started <"$1"
    kill -KILL "$pid" 2>/dev/null || true
    for _ in {1..200}; do
      process_is_alive "$1" || break
      sleep 0.05
    done
  fi
  rm -f "$1"
}

end_process_group() { # file with the id of a process that leads its group
  local pid started
  if process_is_alive "$1"; then
    read -r pid started <"$1"
    kill -KILL -- "-$pid" 2>/dev/null || true
  fi
  rm -f "$1"
}

# --- cgroups: containerd puts every container into k8s.io/<id> of each hierarchy -----------------------------------

container_cgroups() { find /sys/fs/cgroup -mindepth 2 -maxdepth 3 -type d -path '*/k8s.io/*'; }

container_cgroup_parents() { find /sys/fs/cgroup -mindepth 1 -maxdepth 2 -type d -name k8s.io; }

# Removes cgroups that are empty, or will be: processes that were just killed take a moment to leave.
remove_cgroups() { # folder...
  local folder
  for folder in "$@"; do
    for _ in {1..100}; do
      [[ -d $folder ]] || break
      find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.05
    done
  done
}
