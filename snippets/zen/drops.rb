# drops fall into a still pond: the pod is gone
use_synth :beep
use_synth_defaults attack: 0.005, release: 0.14, note_slide: 0.08, pan: ev[:namespace].sum % 5 * 0.4 - 0.8

pond = 70 + ev[:namespace].sum % 5 * 3

with_fx :reverb, mix: 0.35, room: 0.5 do
  [1 + Math.log2(ev[:count]).round, 4].min.times do
    drop = play pond, amp: 0.16
    control drop, note: pond + 14
    sleep rrand(0.15, 0.25)
  end
end
