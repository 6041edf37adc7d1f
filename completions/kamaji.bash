# shellcheck shell=bash disable=SC1090  # there is no file to follow
source <(kamaji completion bash)
