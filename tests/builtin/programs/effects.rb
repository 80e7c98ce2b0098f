# effects in effects, and what is done to them
use_bpm 80
play 50
with_fx :reverb, room: 0.8 do |verb|
  play 60
  with_fx :echo, phase: 0.25, decay: 2, mix: 0.5 do
    play 62
    sleep 0.5
    play 64
  end
  control verb, mix: 0.2, amp_slide: 1
  sleep 0.25
  play 65
end
play 67
with_fx :slicer, phase: 0.125, reps: 3 do
  play 70
  sleep 0.2
end
with_fx :lpf, cutoff: :c6, cutoff_slide: 2 do |f|
  in_thread do
    sleep 1
    play 72
  end
  control f, cutoff: 60
end
with_fx :none do
  play 73
end
with_fx :distortion, on: false do
  play 74
end
