# shellcheck shell=bash disable=SC1090  # not a file
source <(kamaji completion bash)
