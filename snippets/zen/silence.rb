# the crickets fall silent, one after the other: nobody hears the garden any more
use_synth :beep
use_synth_defaults attack: 0.008, sustain: 0.005, release: 0.012

[4, 3, 2, 1].each do |left|
  left.times do
    play 107, amp: 0.12 * left
    sleep 0.03
  end
  sleep 0.25
end
synth :gnoise, cutoff: 75, attack: 0.3, release: 0.8, amp: 0.3
