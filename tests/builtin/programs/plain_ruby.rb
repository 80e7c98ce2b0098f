# Ruby itself
Note = Struct.new(:pitch, :length)
class Tune
  include Enumerable
  def initialize(*notes) = @notes = notes
  def each(&block) = @notes.each(&block)
end
tune = Tune.new(Note.new(60, 0.25), Note.new(64, 0.125), Note.new(67, 0.125))
tune.sort_by(&:length).each { |n| play n.pitch; sleep n.length }
fib = Enumerator.new { |y| a, b = 0, 1; loop { y << a; a, b = b, a + b } }
puts fib.lazy.select(&:even?).first(5)
x = case [1, [2, 3]]; in [a, [b, *]] then a + b end
puts x, "a-b".tr("-", "_"), "%.2f" % 1.005, [3, 1, 2].sort.each_cons(2).to_a, (1..10).each_slice(3).map(&:sum)
begin
  raise "caught"
rescue => e
  puts e.message
ensure
  puts :always
end
puts [1, 2, 3].sum, "héllo ♪".size, 2**100, 10.0 / 3, 1r / 3
