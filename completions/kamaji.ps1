kamaji completion powershell | Out-String | Invoke-Expression
