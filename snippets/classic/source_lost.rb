# a line goes dead: the console no longer hears the cluster
use_synth :beep
use_synth_defaults attack: 0.02, release: 0.05, amp: 0.17

3.times do
  play :a4, sustain: 0.25
  sleep 0.45
end
play :a3, attack: 0.05, sustain: 0.4, release: 0.9, amp: 0.25
