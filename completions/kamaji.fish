kamaji completion fish | source
