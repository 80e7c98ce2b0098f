# tunings
chromatic = (60..72).to_a
%i[just pythagorean meantone equal].each do |system|
  use_tuning system
  chromatic.each { |n| play n }
  sleep 0.25
end
use_tuning :just, :e
play_chord chord(:e4, :major7)
play :c4, pitch: 0.25
play 60.5
use_transpose 2
with_octave(-1) { play :g4 }
sleep 0.25
with_tuning(:pythagorean, :g3) do
  play 67
  in_thread { play 71; sleep 0.25; play 59.75 }
  tone = play 64, sustain: 1
  sleep 0.25
  control tone, note: 66
end
use_transpose 0
play 64
use_cent_tuning 30
with_tuning(:equal) { play 64 }
synth :fm, note: :b3
sleep 0.25
use_tuning :meantone, 62
play scale(:d4, :dorian).choose
play [:d4, :r, 12, 0, 120][tick]
play 0
play 120
with_tuning "just" do
  play 60
end
