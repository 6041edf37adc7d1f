#compdef kamaji
eval "$(kamaji completion zsh)" && _kamaji "$@"
