# the crickets take up their song again: the garden is heard
use_synth :beep
use_synth_defaults attack: 0.008, sustain: 0.005, release: 0.012

[2, 3, 4].each do |more|
  more.times do
    play 107, amp: 0.06 * more
    sleep 0.03
  end
  sleep 0.2
end
