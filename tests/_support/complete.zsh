# Completes each line of standard input in a shell on a terminal of its own: SCRIPT
zmodload zsh/zpty
export ROUGHLY_SCRIPT=$1
zpty shell zsh -f -i
zpty -w shell "PS1= PS2=; autoload -Uz compinit && compinit -u -D; source \$ROUGHLY_SCRIPT"
# What is offered goes by here, and only here as words
zpty -w shell "compadd() { if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)* ]]; then builtin compadd \"\$@\"; return; fi; local -a hits; builtin compadd -A hits \"\$@\"; print -l -- \$'\\1'\${^hits}\$'\\2'; builtin compadd \"\$@\" }"
zpty -w shell "finish() { print \$'\\3'; zle kill-buffer }; zle -N finish; bindkey '^I' complete-word '^T' finish; print \$'\\3'"
zpty -r shell answer $'*\3*'
while IFS= read -r line; do
  zpty -w -n shell "$line"$'\t\x14'
  zpty -r shell answer $'*\3*'
  print -r -- "$answer"
  print -r -- ---
done
zpty -d shell
