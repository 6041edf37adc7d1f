// Prints as JSON the command lines that kubeadm makes: `of FILE...` those of static pods that kubeadm wrote, `v1 FILE`
// those for a ClusterConfiguration, by the functions that kubeadm itself calls, because the program of 1.37 takes no file of the
// experimental v1 for this. Only packages of kubeadm are named, so that the module needs no more than for its build.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm"
	"k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/scheme"
	"k8s.io/kubernetes/cmd/kubeadm/app/phases/controlplane"
	"k8s.io/kubernetes/cmd/kubeadm/app/util/staticpod"
)

func main() {
	commands := map[string][]string{}
	switch os.Args[1] {
	case "of":
		for _, file := range os.Args[2:] {
			pod, err := staticpod.ReadStaticPodFromDisk(file)
			check(err)
			commands[pod.Name] = pod.Spec.Containers[0].Command
		}
	case "v1":
		text, err := os.ReadFile(os.Args[2])
		check(err)
		var cluster kubeadm.ClusterConfiguration
		_, _, err = scheme.Codecs.UniversalDecoder().Decode(text, nil, &cluster)
		check(err)
		endpoint := kubeadm.APIEndpoint{AdvertiseAddress: "192.0.2.1", BindPort: 6443}
		for name, pod := range controlplane.GetStaticPodSpecs(&cluster, &endpoint, nil) {
			commands[name] = pod.Spec.Containers[0].Command
		}
	}
	delete(commands, "etcd")
	text, err := json.MarshalIndent(commands, "", " ")
	check(err)
	fmt.Println(string(text))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
