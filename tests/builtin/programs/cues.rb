# cues with values, and waiting for them
in_thread do
  loop do
    values = sync :tell
    play values[:note], amp: values[:amp]
  end
end
in_thread do
  a, b = sync "/cue/other"
  play a, amp: b
end
in_thread do
  sync "/*/any*"
  play 95
end
in_thread do
  sync_bpm :tempo
  play 50
  sleep 1
  play 51
end
sleep 0.5
cue :tell, note: 60, amp: 0.5
sleep 0.5
cue :tell, note: 62, amp: 0.25
cue "other", 64, 0.1
cue :anything
with_bpm 120 do
  cue :tempo
end
sleep 0.25
cue :tell, note: 65, amp: 1
