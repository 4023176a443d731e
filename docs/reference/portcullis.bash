# bash completion for portcullis: source it, or put it into
# /usr/share/bash-completion/completions/portcullis
_portcullis() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  case $previous in
    -c|--config|fmt) COMPREPLY=($(compgen -f -- "$word")); return;;
    --state) COMPREPLY=($(compgen -d -- "$word")); return;;
    -s) COMPREPLY=($(compgen -W 'reload quit stop' -- "$word")); return;;
    show) COMPREPLY=($(compgen -W 'routes effective' -- "$word")); return;;
    completion) COMPREPLY=($(compgen -W bash -- "$word")); return;;
    help) COMPREPLY=($(compgen -W ' listen trust site extend on use route when priority to slashes origin server queue keep-alive proxy-protocol redirect respond allow deny list headers request set add remove via timeout timeout timeout connect head idle send total header limits limits body body-rate head fields line target connections connections-per-client requests-per-connection fibers buffered include defaults policy workers user drain log metrics admin E0101 E0102 E0103 E0104 E0105 E0106 E0107 E0108 E0109 E0110 E0111 E0201 E0202 E0203 E0204 E0205 E0206 E0301 E0303 E0304 E0305 E0306 E0401 E0402 E0403 E0404 E0405 E0406 E0407 E0408 E0409 E0410 E0411 E0412 E0414 E0501 E0502 E0503 E0601 E0602 W0701 W0702 W0703 W0704' -- "$word")); return;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W 'run check reload stop upgrade status fmt show explain help completion version --to --listen --host --print-config' -- "$word"))
  else
    COMPREPLY=($(compgen -W '--config --json --state' -- "$word"))
  fi
}
complete -F _portcullis portcullis
