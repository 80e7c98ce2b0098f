# notes and numbers
puts %i[c cs4 df4 eb bb3 b0 c-1 e10 gs5 fb ff es cb bs].map { |name| note(name) }
puts note("Fs5"), note(61), note(nil), note(:r), note(:c, octave: 2), note(70, octave: 3)
puts note_info(:eb4).midi_string, note_info(62).midi_string, note_info(:c, octave: 5).midi_note, note_info(:fs3)
puts midi_to_hz(:a4), midi_to_hz(60.5), hz_to_midi(440), hz_to_midi(261.63)
puts pitch_to_ratio(7), ratio_to_pitch(1.5), rest?(:r), rest?(60), rest?(nil)
puts :c4 + 4, :e4 - 2, :c4.to_i, nil + 3
use_transpose 3
play 60
puts current_transpose
with_octave(-1) { play 60; puts current_octave }
use_octave 1
with_transpose(12) { play :c3; play_chord [60, 64] }
use_cent_tuning 50
play 60
with_cent_tuning(-25) { play 60 }
puts current_cent_tuning, current_octave
