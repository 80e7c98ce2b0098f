# crickets in the evening: the work is done
use_synth :beep
use_synth_defaults attack: 0.008, sustain: 0.005, release: 0.012, pan: ev[:namespace].sum % 5 * 0.4 - 0.8

voice = 107 + ev[:namespace].sum % 5 * 0.6

[2 + Math.log2(ev[:count]).round, 4].min.times do
  4.times do
    play voice, amp: 0.19
    sleep 0.03
  end
  sleep 0.16
end
