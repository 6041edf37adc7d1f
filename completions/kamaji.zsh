#compdef kamaji
eval "$(kamaji completion zsh)" && [[ $_comps[kamaji] != _kamaji ]] && $_comps[kamaji] "$@"
